"""The runbook's entry about an erasure that is late, brought about and ended as the page says."""

from tests.faults.load import post
from tests.faults.shop import DEMO_KEY
from tests.runbook.conftest import Duty

REQUESTS = "/api/v1/privacy/deletion-requests"
LATER = "UPDATE privacy_deletionrequest SET purge_at = purge_at - interval '73 hours' WHERE id = %(id)s::uuid"
AT_ONCE = "UPDATE privacy_deletionstep SET available_at = now() WHERE request_id = %(id)s::uuid"
STATE = "SELECT state FROM privacy_deletionrequest WHERE id = %(id)s::uuid"
ROUNDS = 12


def test_an_erasure_is_overdue(duty: Duty) -> None:
    shop, bigquery = duty.shop, duty.shop.standin("bigquery")
    event = {"event_type": "cart", "action": "add", "product_id": "sku-1", "quantity": 1, "price": 1.5}
    event |= {"event_id": "of-ann", "user_id": "user_ann"}
    assert post(duty.web.port(), DEMO_KEY, {"events": [event]})[0] == 202
    shop.settle()
    bigquery.fail(times=10_000, status=503)
    asked = {"user_id": "user_ann", "cooling_off_hours": 0}
    status, _, opened = post(duty.web.port(), DEMO_KEY, asked, REQUESTS)
    assert status == 201, opened
    found = {"id": opened["id"]}
    duty.types("advance_deletions")
    shop.ask(LATER, **found)
    assert "1 requests past their limit" in duty.types("advance_deletions")
    assert opened["id"] in duty.sees("is past its 72 hours")
    bigquery.mend()
    for _ in range(ROUNDS):
        shop.ask(AT_ONCE, **found)
        duty.types("advance_deletions", "--until-quiet")
        if shop.ask(STATE, **found) == [("certified",)]:
            break
        bigquery.advance(3600)
    assert shop.ask(STATE, **found) == [("certified",)]
    assert "0 requests past their limit" in duty.types("advance_deletions")
    assert "do not add up" not in duty.types("close_ledger")
