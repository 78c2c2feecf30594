"""`leafloaf.js` keeps and sends what its person allows, as nobody else; what counts is what the event log holds."""

import pytest

from tests.access import signing
from tests.browser.fronts import FLUSH, Front, add, crash, kept, logged, rows, statuses

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("log")]


def test_without_consent_nothing_is_kept_and_nothing_sent(front: Front) -> None:
    for consent in (None, False):
        page = front.open(consent=consent, batchSeconds=0.05, token=True)
        said = statuses(page)
        assert page.evaluate("leafloaf.added('SKU_1')") is None
        assert page.evaluate("leafloaf.session()") is None
        page.wait_for_timeout(500)
        page.goto("about:blank")
        page.goto(front.shop.origin)
        assert kept(page) == []
        assert said == []
    assert rows() == []
    assert front.shop.tokens_given == 0


def test_a_search_without_consent_is_nobodys(front: Front) -> None:
    page = front.open(consent=False, token=True)
    page.evaluate("leafloaf.search('milk')")
    [search] = rows()
    assert (search.subject_id, search.session_id) == (None, None)
    assert kept(page) == []


def test_consent_that_is_withdrawn_takes_everything_along_in_all_tabs(front: Front) -> None:
    page, other = front.open(batchSeconds=600), front.open(batchSeconds=600)
    add(page, "SKU_1")
    add(other, "SKU_2")
    page.wait_for_function("() => Object.keys(localStorage).length === 3")
    page.evaluate("leafloaf.consent(false)")
    assert kept(page) == []
    other.wait_for_function("() => leafloaf.session() === undefined")
    assert other.evaluate("leafloaf.added('SKU_3')") is None
    other.evaluate("leafloaf.flush()")
    assert kept(other) == []
    page.evaluate("leafloaf.consent(true)")
    add(page, "SKU_4", FLUSH)
    assert [row.payload["product_id"] for row in rows()] == ["SKU_4"]


def test_a_browser_that_objects_is_not_followed(front: Front) -> None:
    front.context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    page = front.open()
    assert page.evaluate("leafloaf.added('SKU_1')") is None
    assert kept(page) == []
    front.load(page, honourGpc=False)
    add(page, "SKU_2", FLUSH)
    assert [row.payload["product_id"] for row in rows()] == ["SKU_2"]


def test_consent_that_is_not_asked_yet_leaves_what_is_there(front: Front) -> None:
    page = front.open(batchSeconds=600)
    add(page, "SKU_1")
    before = kept(page)
    crash(page)
    page = front.open(consent=None)
    assert kept(page) == before
    page.evaluate("leafloaf.consent(true)")
    logged(page, 1)


def test_events_of_a_user_are_theirs(front: Front) -> None:
    front.shop.token = signing.hs256().token
    page = front.open(token=True)
    page.evaluate("leafloaf.search('milk')")
    add(page, "SKU_1", FLUSH)
    assert [row.subject_id is None for row in rows()] == [False, False]
    assert front.shop.tokens_given == 1


def test_a_token_is_renewed_when_it_is_over(front: Front) -> None:
    signer, given = signing.hs256(), iter([{"exp": signing.claims()["iat"] - 100, "iat": 0}, {}])
    front.shop.token = lambda: signer.token(**next(given))
    page = front.open(token=True)
    said = statuses(page)
    add(page, "SKU_1", FLUSH)
    assert said == [401, 202]
    assert front.shop.tokens_given == 2
    assert rows()[0].subject_id is not None
    assert page.evaluate("mishaps") == []


def test_what_one_did_is_not_sent_as_anothers(front: Front) -> None:
    signer, users = signing.hs256(), ["user_ann"]
    front.shop.token = lambda: signer.token(sub=users[0])
    page = front.open(token=True, batchSeconds=600)
    front.way.close_way()
    add(page, "SKU_ANN")
    page.wait_for_function("() => Object.keys(localStorage).some((name) => name.startsWith('leafloaf:e:'))")
    crash(page)
    front.way.open_way()
    users[0] = "user_ben"
    page = front.open(token=True)
    add(page, "SKU_BEN", FLUSH)
    [ben] = rows()
    assert ben.payload["product_id"] == "SKU_BEN"
    users[0] = "user_ann"
    front.load(page, token=True)
    page.evaluate("leafloaf.flush()")
    ann = rows()[-1]
    assert ann.payload["product_id"] == "SKU_ANN"
    assert ann.subject_id not in (None, ben.subject_id)
    assert ann.session_id != ben.session_id


def test_what_waited_for_a_token_that_never_came_is_not_the_next_ones(front: Front) -> None:
    page = front.open(batchSeconds=600)
    page.evaluate(
        """async (ben) => {
            leafloaf.configure({ token: () => new Promise(() => {}) });
            leafloaf.added("SKU_ANN");
            leafloaf.configure({ token: () => ben });
            leafloaf.added("SKU_BEN");
            await leafloaf.flush();
        }""",
        signing.hs256().token(sub="user_ben"),
    )
    found = {row.payload["product_id"]: row for row in rows()}
    assert found.keys() == {"SKU_ANN", "SKU_BEN"}
    assert found["SKU_ANN"].subject_id is None
    assert found["SKU_BEN"].subject_id is not None
    assert found["SKU_ANN"].session_id != found["SKU_BEN"].session_id


def test_a_token_that_comes_late_is_not_of_who_is_there_now(front: Front) -> None:
    signer = signing.hs256()
    page = front.open(batchSeconds=600)
    page.evaluate(
        """async ([ann, ben]) => {
            const arrive = [];
            const token = () => new Promise((done) => arrive.push(done));
            const nap = () => new Promise((done) => setTimeout(done, 50));
            leafloaf.configure({ token });
            leafloaf.configure({ token });
            leafloaf.added("SKU_1");
            arrive[0](ann);
            await nap();
            leafloaf.added("SKU_2");
            arrive[1](ben);
            await nap();
            leafloaf.added("SKU_3");
            await leafloaf.flush();
        }""",
        [signer.token(sub="user_ann"), signer.token(sub="user_ben")],
    )
    assert sorted(row.payload["product_id"] for row in rows()) == ["SKU_1", "SKU_2", "SKU_3"]
    [subject] = {row.subject_id for row in rows()}
    front.load(page)
    page.evaluate(
        """async (ben) => {
            leafloaf.configure({ token: () => ben });
            leafloaf.added("SKU_4");
            await leafloaf.flush();
        }""",
        signer.token(sub="user_ben"),
    )
    assert subject is not None
    assert rows()[-1].subject_id == subject


@pytest.mark.parametrize("token", ["Promise.reject()", "'<html>502 Bad Gateway</html>'"])
def test_without_a_token_to_be_had_a_search_is_nobodys(front: Front, token: str) -> None:
    page = front.open(batchSeconds=600)
    page.evaluate(f"leafloaf.configure({{ token: () => {token} }})")
    answer = page.evaluate("leafloaf.search('milk')")
    assert page.evaluate("leafloaf.suggest('milk')")["query"] == "milk"
    [search] = rows()
    assert (search.event_id, search.subject_id, search.session_id) == (answer["search_id"], None, None)


def test_a_token_is_not_waited_for_for_ever(front: Front) -> None:
    front.context.add_init_script(
        """const real = setTimeout; // half a minute is half a second
        globalThis.setTimeout = (done, time, ...rest) => real(done, time === 30000 ? 500 : time, ...rest);"""
    )
    page = front.open()
    page.evaluate("leafloaf.configure({ token: () => new Promise(() => {}) })")
    page.evaluate("leafloaf.search('milk')")
    assert [row.subject_id for row in rows()] == [None]


@pytest.mark.parametrize("storage", ["session", "none"])
def test_a_shop_may_want_less_kept(front: Front, storage: str) -> None:
    page = front.open(batchSeconds=600, storage=storage)
    add(page, "SKU_1")
    assert page.evaluate("Object.keys(localStorage)") == []
    assert bool(kept(page)) == (storage == "session")
    page.evaluate("leafloaf.flush()")
    assert len(rows()) == 1


def test_a_visit_ends_after_half_an_hour_of_nothing(front: Front) -> None:
    page = front.open()
    first = page.evaluate("leafloaf.session()")
    assert page.evaluate("leafloaf.session()") == first
    page.evaluate(
        "localStorage['leafloaf:s'] = localStorage['leafloaf:s'].replace(/ .* /, ` ${Date.now() - 1800001} `)"
    )
    assert page.evaluate("leafloaf.session()") != first
