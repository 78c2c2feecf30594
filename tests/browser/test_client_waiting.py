"""`leafloaf.js` without a network, without a server, with several tabs and with none: nothing is lost or doubled."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from pytest_django import Settings

from tests.access import signing
from tests.browser.fronts import FLUSH, Front, add, crash, emptied, logged, queued, rows, statuses
from tests.outage import Outage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("log")]


def until(page: Page, condition: Callable[[], bool]) -> None:
    """The log has an event before the browser has the answer."""
    for _ in range(600):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError


def times(page: Page) -> list[float]:
    """When the browser began each of the requests that have been answered, in milliseconds."""
    begun: list[float] = []
    page.on(
        "requestfinished",
        lambda request: begun.append(request.timing["startTime"]) if "/events" in request.url else None,
    )
    return begun


def test_what_is_done_offline_arrives_once(front: Front) -> None:
    page = front.open(batchSeconds=0.1)
    front.context.set_offline(True)
    made = [add(page, f"SKU_{number}") for number in range(10)]
    page.wait_for_timeout(1500)
    assert rows() == []
    assert len(queued(page)) == 10
    front.context.set_offline(False)
    assert sorted(row.event_id for row in logged(page, 10)) == sorted(made)
    emptied(page)
    assert len(rows()) == 10


def test_a_server_that_is_down_is_tried_again(front: Front) -> None:
    page = front.open(batchSeconds=0.1)
    front.way.close_way()
    add(page, "SKU_1")
    page.wait_for_timeout(1500)
    assert len(queued(page)) == 1
    front.way.open_way()
    logged(page, 1)
    assert page.evaluate("mishaps") == []


def test_an_answer_that_is_lost_doubles_nothing(front: Front) -> None:
    page = front.open(batchSeconds=0.1)
    front.way.to_cut = 2  # a browser may try again by itself
    add(page, "SKU_1")
    logged(page, 1)
    emptied(page)
    assert front.way.to_cut == 0
    assert len(rows()) == 1


def test_a_server_that_cannot_is_asked_when_it_said(front: Front, outage: Outage) -> None:
    page = front.open(batchSeconds=0.1)
    said, asked_at = statuses(page), times(page)
    outage.begin()
    with page.expect_response("**/api/v1/events*") as refused:
        add(page, "SKU_1")
    outage.end()
    logged(page, 1)
    until(page, lambda: said == [503, 202] and len(asked_at) == 2)
    wait = float(refused.value.headers["retry-after"])
    assert wait >= 3
    assert asked_at[1] - asked_at[0] >= wait * 1000


def test_who_sends_too_much_waits_as_long_as_it_is_told(front: Front, settings: Settings) -> None:
    settings.THROTTLES = {"events": "address=3/30s"}
    page = front.open(batchSeconds=0.1, batchSize=3)
    said = statuses(page)
    for number in range(3):
        add(page, f"SKU_{number}")
    logged(page, 3)
    add(page, "SKU_3")
    logged(page, 4)
    until(page, lambda: said[-1] == 202)
    assert set(said) == {202, 429}
    assert said.count(429) <= 2, "it asked again before it was time"


def test_a_key_that_does_not_count_keeps_the_events_for_one_that_does(front: Front) -> None:
    page = front.open(key="pk_" + "x" * 43)
    add(page, "SKU_1", FLUSH)
    assert set(page.evaluate("mishaps")) == {401}  # it tries again a second later
    assert len(queued(page)) == 1
    front.load(page)
    logged(page, 1)


def test_two_tabs_lose_and_double_nothing(front: Front) -> None:
    first = front.open(batchSeconds=0.05)
    front.way.close_way()
    add(first, "SKU_0")
    front.way.open_way()
    tabs = [first, front.open(batchSeconds=0.05)]  # which finds the visit of the first one
    front.way.close_way()
    for number in range(1, 50):
        add(tabs[number % 2], f"SKU_{number}")
    front.way.open_way()
    logged(tabs[0], 50)
    assert len({row.event_id for row in rows()}) == 50
    assert len({row.session_id for row in rows()}) == 1
    emptied(tabs[0])
    assert len(rows()) == 50


def test_a_tab_without_its_token_does_not_stop_the_others(front: Front) -> None:
    waiting, other = front.open(), front.open()
    waiting.evaluate(
        """() => {
            leafloaf.configure({ token: () => new Promise(() => {}) });
            leafloaf.added("SKU_1");
            leafloaf.flush();
        }"""
    )
    add(other, "SKU_2")
    other.evaluate("void leafloaf.flush()")
    assert [row.payload["product_id"] for row in logged(other, 1)] == ["SKU_2"]


def test_a_reporter_that_fails_does_not_end_the_sending(front: Front) -> None:
    page = front.open(key="pk_" + "x" * 43)
    page.evaluate("leafloaf.configure({ onerror() { throw new Error('the shop fails'); } })")
    add(page, "SKU_1", FLUSH)
    assert len(queued(page)) == 1
    page.evaluate(f"leafloaf.configure({{ key: '{front.key}' }})")
    logged(page, 1)
    add(page, "SKU_2", FLUSH)
    logged(page, 2)


def test_a_token_that_fails_with_nothing_is_asked_for_again(front: Front) -> None:
    page = front.open(batchSeconds=0.1)
    page.evaluate(
        """async (token) => {
            window.token = () => Promise.reject();
            leafloaf.configure({ token: () => window.token() });
            leafloaf.added("SKU_1");
            await leafloaf.flush();
            window.token = () => token;
        }""",
        signing.hs256().token(),
    )
    [row] = logged(page, 1)
    assert row.subject_id is not None


@pytest.mark.parametrize("is_known", [True, False])
def test_an_event_that_is_no_json_is_reported_and_takes_no_other_along(front: Front, is_known: bool) -> None:
    page = front.open(batchSeconds=0.1)
    page.evaluate(
        """async ([token, isKnown]) => {
            leafloaf.configure({ token: () => token });
            if (isKnown) await leafloaf.flush();
            leafloaf.added("SKU_1");
            leafloaf.added("SKU_2", 1n);
            leafloaf.added("SKU_3");
        }""",
        [signing.hs256().token(), is_known],
    )
    assert [row.payload["product_id"] for row in logged(page, 2)] == ["SKU_1", "SKU_3"]
    emptied(page)
    assert len(page.evaluate("mishaps")) == 1


@pytest.mark.parametrize("entry", ['["",{"a', "null", "5"])
def test_an_entry_that_is_no_event_stops_nothing(front: Front, entry: str) -> None:
    page = front.open(batchSeconds=600)
    page.evaluate(
        "(entry) => { localStorage[`leafloaf:e:${Date.now().toString(36)}1000-x`] = entry; }", entry
    )
    add(page, "SKU_1", FLUSH)
    assert [row.payload["product_id"] for row in rows()] == ["SKU_1"]
    assert queued(page) == []


def test_a_tab_that_is_killed_leaves_its_queue_to_the_next(front: Front) -> None:
    page, other = front.open(batchSeconds=600), front.open(batchSeconds=600)
    made = [add(page, f"SKU_{number}") for number in range(5)]
    crash(page)
    assert rows() == []
    front.load(other)
    assert sorted(row.event_id for row in logged(other, 5)) == sorted(made)


def test_the_queue_is_bounded_in_count_and_age(front: Front) -> None:
    page = front.open(batchSeconds=600, batchSize=1000, queueLimit=10)
    old = (signing.claims()["iat"] - 8 * 86400) * 1000
    page.evaluate(f"localStorage['leafloaf:e:' + ({old}).toString(36) + '-x'] = '[\"\", {{}}]'")
    for number in range(15):
        add(page, f"SKU_{number:02}", "await new Promise((done) => setTimeout(done, 2))")
    page.evaluate("leafloaf.flush()")
    assert [row.payload["product_id"] for row in rows()] == [f"SKU_{number:02}" for number in range(5, 15)]


def test_a_storage_that_is_full_loses_nothing_of_this_page(front: Front) -> None:
    page = front.open(batchSeconds=600)
    page.evaluate(
        """() => {
            for (const size of [1e5, 1e3, 10, 0]) {
                try {
                    for (let n = 0; ; n++) localStorage[size + ":" + n] = "x".repeat(size);
                } catch {}
            }
        }"""
    )
    add(page, "SKU_1", FLUSH)
    logged(page, 1)
