"""`leafloaf.js` sends in batches, and what is left when a page is closed; what counts is what the event log holds."""

import pytest

from tests.access import signing
from tests.browser.fronts import FLUSH, Front, add, logged, queued, rows, statuses

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("log")]


def test_events_are_sent_in_batches(front: Front) -> None:
    page = front.open(batchSeconds=60, batchSize=5)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("() => { for (let n = 0; n < 4; n++) leafloaf.added('SKU_' + n); }")
    page.wait_for_timeout(500)
    assert rows() == []
    add(page, "SKU_4")
    logged(page, 5)
    assert [url for url in asked if "/events" in url] == [
        f"{front.shop.leafloaf}/api/v1/events?key={front.key}"
    ]


def test_a_batch_is_sent_when_its_time_is_over(front: Front) -> None:
    page = front.open(batchSeconds=0.3)
    add(page, "SKU_1")
    add(page, "SKU_2")
    logged(page, 2)


@pytest.mark.parametrize("token", [False, True])
def test_what_is_left_is_sent_when_the_page_is_closed(front: Front, token: bool) -> None:
    front.shop.token = signing.hs256().token
    page, other = front.open(batchSeconds=600, token=token), front.open()
    if token:
        page.wait_for_function("() => leafloaf.search('milk')")
    for number in range(30):
        add(page, f"SKU_{number}")
    page.close(run_before_unload=True)
    found = logged(other, 30, event_type="cart")
    assert all(bool(row.subject_id) == token for row in found)


def test_what_is_left_is_sent_when_the_shopper_goes_elsewhere(front: Front) -> None:
    page = front.open(batchSeconds=600)
    add(page, "SKU_1")
    page.goto("about:blank")
    logged(page, 1)


def test_a_browser_without_keepalive_sends_a_beacon(front: Front) -> None:
    front.context.add_init_script(
        """delete Request.prototype.keepalive;
        const send = navigator.sendBeacon.bind(navigator);
        navigator.sendBeacon = (...all) => { localStorage.sent = "yes"; return send(...all); };"""
    )
    page = front.open(batchSeconds=600)
    add(page, "SKU_1")
    page.goto(front.shop.origin)
    logged(page, 1)
    assert page.evaluate("localStorage.sent") == "yes"
    front.load(page)
    page.evaluate("leafloaf.flush()")
    assert queued(page) == []
    assert len(rows()) == 1


def test_what_is_refused_is_reported_and_not_sent_again(front: Front) -> None:
    page = front.open()
    said = statuses(page)
    page.evaluate(
        """async () => {
            leafloaf.added("SKU_1");
            leafloaf.track({ event_type: "cart", event_id: "wrong", action: "juggle", product_id: "A", quantity: 1 });
            await leafloaf.flush();
            await leafloaf.flush();
        }"""
    )
    [fault] = page.evaluate("rejected")
    assert (fault["event_id"], fault["errors"][0]["pointer"]) == ("wrong", "/action")
    assert fault["event"]["action"] == "juggle"
    assert queued(page) == []
    assert said == [202]
    assert [row.payload["product_id"] for row in rows()] == ["SKU_1"]


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_something_on_the_way_refuses_is_tried_again(front: Front, status: int) -> None:
    page = front.open(batchSeconds=600)
    allowed, refusal = {"Access-Control-Allow-Origin": "*"}, "<h1>Sign in to this network</h1>"
    page.route("**/api/v1/events*", lambda route: route.fulfill(status=status, headers=allowed, body=refusal))
    made = add(page, "SKU_1", FLUSH)
    assert (len(queued(page)), page.evaluate("rejected")) == (1, [])
    assert set(page.evaluate("mishaps")) == {status}  # it tries again a second later
    page.unroute("**/api/v1/events*")
    assert [row.event_id for row in logged(page, 1)] == [made]


def test_a_large_order_and_many_events_fit(front: Front) -> None:
    page = front.open(batchSeconds=600, batchSize=5000)
    page.evaluate(
        """async () => {
            const category = "é".repeat(100);
            const line = (_, n) => ({ product_id: "SKU_" + n, quantity: 1, price: 1, category });
            const items = Array.from({ length: 500 }, line);
            leafloaf.ordered("order-1", items, 500);
            for (let n = 0; n < 300; n++) leafloaf.viewed("SKU_" + n, { context: { text: "é".repeat(100) } });
            await leafloaf.flush();
        }"""
    )
    assert len(rows()) == 301
    assert page.evaluate("rejected") == []
