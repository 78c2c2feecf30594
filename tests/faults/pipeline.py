"""From the log to the stores in this process: for faults that need no process to die."""

import json
from collections import Counter

from django.conf import settings
from django.db import connection

from capture import deliver, ingest, ledger
from tests.calls import order
from tests.capture.test_deliver import let_it_be_tried_again
from tests.faults.load import batch_of
from tests.faults.shop import different
from tests.flows.stores import Stores, in_log


def capture(name: str, count: int = 25) -> list[str]:
    """Accepts events of all types; returns their ids."""
    receipt = ingest.accept([json.dumps(event).encode() for event in batch_of(name, 0, count)])
    assert (receipt.accepted, receipt.rejected) == (count, [])
    return [f"{name}-0-{place}" for place in range(count)]


def capture_large(name: str, count: int = 40) -> None:
    """Accepts orders of half a megabyte each."""
    items = [
        {"product_id": f"{place:064}", "quantity": 1, "price": 2, "category": "é" * 256}
        for place in range(500)
    ]
    for number in range(count):
        event = order(event_id=f"{name}-{number}", items=items)
        receipt = ingest.accept([json.dumps(event, ensure_ascii=False).encode()])
        assert (receipt.accepted, receipt.rejected) == (1, [])


def spoil(event_id: str, field: str, value: str) -> None:
    """Makes a stored event one that BigQuery cannot take, which validation would never let in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE capture_event SET payload = jsonb_set(payload, %s, %s::jsonb) WHERE event_id = %s",
            [f"{{{field}}}", json.dumps(value), event_id],
        )


def cycle() -> dict[str, int]:
    """One drain of every sink; returns how many events each delivered. The ledger closes after it."""
    delivered = {name: deliver.drain(name, is_final=True) for name in settings.SINKS}
    assert ledger.open_accounts(ledger.close()) == []
    return delivered


def next_cycle() -> dict[str, int]:
    """The cycle after leases and rests have passed."""
    let_it_be_tried_again()
    return cycle()


def assert_all_hold_the_log_once(stores: Stores, dead: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """`dead` are in the dead letters of BigQuery instead."""
    logged = in_log()
    living = Counter({event_id: count for event_id, count in logged.items() if event_id not in dead})
    assert set(logged.values()) <= {1}
    assert different(stores.in_cloud_storage(), logged) == {}
    assert different(stores.in_bigquery(), living) == {}
    types = ("search", "interaction", "cart", "order", "recommendation_impression")
    assert sum(stores.redis_total("events:daily:*", event_type) for event_type in types) == len(logged)
