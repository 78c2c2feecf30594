"""What every sink promises, on the real store behind it.

The two Google sinks run against the stand-ins, and against Google Cloud too when LEAFLOAF_TEST_GOOGLE_PROJECT names
a project that the caller's application-default credentials may write to (docs/operations.md). Pub/Sub's runs against a
stand-in, Google's emulator where there is one, and Google; what it holds "once" is what a subscriber has who tells
doubles by `event_id`: tests/capture/test_pubsub_sink.py says when there are any. Spanner keeps no event: its account of
batches is looked at, with people of whom nothing is remembered; tests/spanner has those of whom something is.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs

from capture.records import Record, encoder
from capture.sinks.base import Batch, Unavailable
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores

NAMES = [
    "memory",
    "redis",
    "cloud_storage",
    "bigquery",
    "bigquery_storage_write",
    "pubsub",
    "pubsub-emulator",
    "spanner",
    "spanner-emulator",
    "google-cloud_storage",
    "google-bigquery",
    "google-bigquery_storage_write",
    "google-pubsub",
]

PAYLOADS: dict[str, dict[str, Any]] = {
    "search": {
        "query": 'lait d\'avoine 2 % "bio" 🥛',
        "intent": "product_search",
        "confidence": 0.95,
        "results_count": 2**53 + 1,
        "response_time_ms": 145.5,
        "categories": ["Dairy"],
        "filters": {"brand": ["Oatly"]},
        "metadata": {"nested": {"deep": [1, None, "x"]}},
        "channel": "web",
    },
    "interaction": {"interaction_type": "product_click", "product_id": "OATLY_001", "context": {"a": "b"}},
    "cart": {
        "action": "add",
        "product_id": "OATLY_001",
        "quantity": Decimal("1.5"),
        "price": Decimal("5.99"),
    },
    "order": {
        "order_id": "o-1",
        "items": [{"product_id": "OATLY_001", "quantity": Decimal(2), "price": None, "category": "Dairy"}],
        "total_value": None,
        "discounts": [{"code": "TEN"}],
    },
    "recommendation_impression": {"surface": "home", "product_ids": ["A", "B"], "positions": [1, 2]},
}


@pytest.fixture(params=NAMES)
def store(request: pytest.FixtureRequest, stack: ThrowawayStack) -> Iterator[stores.Store]:
    if request.param.startswith("google-") and not stores.google_project():
        pytest.skip(f"{stores.PROJECT_VARIABLE} names no Google Cloud project")
    if request.param == "redis" and "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    if request.param == "pubsub-emulator":
        endpoint = request.getfixturevalue("pubsub_emulator")
        opened: stores.Store = stores.PubSubStore("shop-1", f"http://{endpoint}")
    elif request.param == "spanner-emulator":
        endpoint = request.getfixturevalue("spanner_emulator")
        opened = stores.SpannerStore("shop-1", f"http://{endpoint}")
    else:
        opened = stores.opened(request.param, stack)
    yield opened
    opened.clean()


sequences = itertools.count(1)


def records(count: int = 10) -> list[Record]:
    """Events of every type in turn, received a moment ago, that happened long before."""
    now = datetime.now(UTC) - timedelta(seconds=5)
    kinds = list(PAYLOADS)
    return [
        Record(
            event_id=str(uuid4()),
            event_type=kinds[number % len(kinds)],
            received_at=now + timedelta(milliseconds=number),
            occurred_at=now - timedelta(days=400),
            user_id=str(uuid4()) if number % 2 else None,
            session_id=f"visit-{number}",
            content=encoder.encode(PAYLOADS[kinds[number % len(kinds)]]).decode(),
            schema_version=1,
        )
        for number in range(count)
    ]


def with_content(record: Record, payload: dict[str, Any]) -> Record:
    return structs.replace(record, content=encoder.encode(payload).decode())


def batch(rows: list[Record], **changes: Any) -> Batch:
    label = f"contract-{uuid4()}"
    given: dict[str, Any] = {
        "label": label,
        "object_name": f"events/{label}_events.jsonl",
        "records": rows,
        "sequence": next(sequences),
    }
    return Batch(**(given | changes))


def once(sent: Batch) -> Counter[str]:
    return Counter(record.event_id for record in sent.records)


def test_the_store_holds_every_event_once(store: stores.Store) -> None:
    sent = batch(records(25))
    store.sink.deliver(sent)
    assert store.held(sent) == once(sent)


def test_the_same_batch_again_changes_nothing(store: stores.Store) -> None:
    sent = batch(records(25))
    store.sink.deliver(sent)
    store.sink.deliver(replace(sent, is_repeated=True))
    assert store.held(sent) == once(sent)


def test_a_repeated_batch_that_never_arrived_arrives(store: stores.Store) -> None:
    sent = batch(records(5), is_repeated=True)
    store.sink.deliver(sent)
    assert store.held(sent) == once(sent)


def test_two_batches_of_one_moment_do_not_collide(store: stores.Store) -> None:
    first, second = batch(records(5)), batch(records(5))
    store.sink.deliver(first)
    store.sink.deliver(second)
    both = Batch("both", "", [*first.records, *second.records])
    assert store.held(both) == once(both)


def test_a_store_that_answers_passes_the_probe(store: stores.Store) -> None:
    store.sink.probe()


def test_a_store_that_nobody_answers_for_is_unavailable(store: stores.Store) -> None:
    if store.unreachable is None:
        pytest.skip("memory is never away")
    with pytest.raises(Unavailable):
        store.unreachable.deliver(batch(records(5)))
    with pytest.raises(Unavailable):
        store.unreachable.probe()
