"""What Redis holds after some events: the structures of the contract."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from capture.records import Record, encoder
from capture.sinks.redis_commands import NEWEST_SEARCHES, RETENTION
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores
from tests.capture.every_word import every_word as every_word
from tests.capture.test_sink_contract import batch, records

NOW = datetime.now(UTC).replace(hour=10, minute=30, second=0, microsecond=0) - timedelta(days=1)
DAY = NOW.date().isoformat()


@pytest.fixture
def store(every_word: None, stack: ThrowawayStack) -> Iterator[stores.RedisStore]:
    if "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    opened = stores.opened("redis", stack)
    assert isinstance(opened, stores.RedisStore)
    yield opened
    opened.clean()


def event(event_type: str, payload: dict[str, Any], **changes: Any) -> Record:
    (template,) = records(1)
    given: dict[str, Any] = {
        "event_type": event_type,
        "content": encoder.encode(payload).decode(),
        "user_id": "u-1",
        "occurred_at": NOW,
        "received_at": NOW,
    }
    return structs.replace(template, **(given | changes))


def searched(query: str, search_id: str, **changes: Any) -> Record:
    payload = {
        "query": query,
        "search_id": search_id,
        "intent": "product_search",
        "suppliers": ["Ferme du Nord"],
    }
    return event("search", payload, **changes)


def test_a_search_is_found_in_every_structure(store: stores.RedisStore) -> None:
    store.sink.deliver(batch([searched("organic milk", "s-1")]))
    p, client = store.prefix, store.client
    assert client.hget(f"{p}search:s-1", "query") == "organic milk"
    assert client.zrange(f"{p}user:u-1:searches", 0, -1) == ["s-1"]
    assert client.zrange(f"{p}searches:daily:{DAY}", 0, -1) == ["s-1"]
    assert client.hgetall(f"{p}intent:stats:{DAY}") == {"product_search": "1"}
    assert client.zscore(f"{p}supplier:Ferme%20du%20Nord:queries:{DAY}", "organic milk") == 1
    assert client.hgetall(f"{p}user:u-1:profile") == {
        "events": "1",
        "searches": "1",
        "last_event_at": f"{DAY}T10:30:00.000000Z",
        "last_query": "organic milk",
    }


def test_clicks_adds_and_purchases_make_a_product_popular(store: stores.RedisStore) -> None:
    line = {"product_id": "milk", "quantity": 2, "price": 5}
    store.sink.deliver(
        batch(
            [
                event(
                    "interaction", {"interaction_type": "product_click", "product_id": "milk"}, event_id="1"
                ),
                event(
                    "interaction", {"interaction_type": "product_view", "product_id": "milk"}, event_id="2"
                ),
                event("cart", {"action": "add", "product_id": "milk", "quantity": 1}, event_id="3"),
                event("cart", {"action": "remove", "product_id": "milk", "quantity": 1}, event_id="4"),
                event("order", {"order_id": "o", "items": [line], "total_value": 10}, event_id="5"),
            ]
        )
    )
    assert store.client.zscore(f"{store.prefix}products:popular:{DAY}", "milk") == 3


def test_the_newest_searches_stay_and_the_oldest_go(store: stores.RedisStore) -> None:
    many = [
        searched("milk", f"s-{number}", event_id=str(number), occurred_at=NOW + timedelta(seconds=number))
        for number in range(NEWEST_SEARCHES + 5)
    ]
    store.sink.deliver(batch(many))
    key = f"{store.prefix}user:u-1:searches"
    assert store.client.zcard(key) == NEWEST_SEARCHES
    assert store.client.zrange(key, 0, 0) == ["s-5"]


def test_an_older_batch_that_comes_late_turns_no_clock_back(store: stores.RedisStore) -> None:
    store.sink.deliver(batch([searched("bread", "new")]))
    store.sink.deliver(batch([searched("milk", "old", occurred_at=NOW - timedelta(days=1))]))
    assert store.client.hget(f"{store.prefix}user:u-1:profile", "last_event_at") == f"{DAY}T10:30:00.000000Z"


def test_every_key_is_ours_and_expires(store: stores.RedisStore) -> None:
    before = set(store.client.scan_iter("*"))
    store.sink.deliver(batch(records(50)))
    new = set(store.client.scan_iter("*")) - before
    assert new
    assert all(key.startswith(store.prefix) for key in new)
    assert all(store.client.ttl(key) > 0 for key in new)


def test_an_anonymous_event_makes_no_profile(store: stores.RedisStore) -> None:
    store.sink.deliver(batch([searched("milk", "s-1", user_id=None)]))
    assert not list(store.client.scan_iter(f"{store.prefix}user:*"))


def test_what_an_event_added_is_traced_to_the_person_or_the_visit(store: stores.RedisStore) -> None:
    store.sink.deliver(
        batch(
            [
                searched("milk", "s-1", event_id="1", session_id="visit"),
                searched("bread", "s-2", event_id="2", user_id=None, session_id="visit"),
                searched("salt", "s-3", event_id="3", user_id=None, session_id=None),
            ]
        )
    )
    p, client = store.prefix, store.client
    visit = hashlib.sha256(b"visit").hexdigest()
    traced = {key: client.zrange(key, 0, -1, withscores=True) for key in client.scan_iter(f"{p}*:traces")}
    asked = {"s-1": "milk", "s-2": "bread"}
    assert traced == {
        f"{p}{owner}:traces": [
            (
                f'["{number}","search","{DAY}","{DAY}",[],'
                f'["s-{number}","product_search","{asked[f"s-{number}"]}",["Ferme%20du%20Nord"]]]',
                NOW.timestamp(),
            )
        ]
        for number, owner in ((1, "user:u-1"), (2, f"session:{visit}"))
    }


def test_an_event_whose_trace_is_there_counts_nothing_even_in_another_batch(store: stores.RedisStore) -> None:
    for _ in range(2):
        store.sink.deliver(batch([searched("milk", "s-1", event_id="1")]))
    assert store.client.hgetall(f"{store.prefix}intent:stats:{DAY}") == {"product_search": "1"}
    assert store.client.hget(f"{store.prefix}user:u-1:profile", "events") == "1"


def test_nothing_outlives_what_was_received_first_and_traces_go_with_it(store: stores.RedisStore) -> None:
    old = datetime.now(UTC) - timedelta(days=60)
    store.sink.deliver(batch([searched("milk", "old", received_at=old)]))
    store.sink.deliver(batch([searched("milk", "new", event_id="new")]))
    p, client = store.prefix, store.client
    for name, received_at in (("search:old", old), ("search:new", NOW), (f"intent:stats:{DAY}", old)):
        left = received_at + RETENTION - datetime.now(UTC)
        assert client.ttl(f"{p}{name}") == pytest.approx(left.total_seconds(), abs=60), name
    ancient = datetime.now(UTC) - RETENTION - timedelta(hours=1)
    store.sink.deliver(batch([searched("milk", "ancient", event_id="ancient", received_at=ancient)]))
    assert client.zcard(f"{p}user:u-1:traces") == 2


def test_an_id_that_another_search_had_keeps_nothing_of_it(store: stores.RedisStore) -> None:
    store.sink.deliver(batch([searched("milk", "s-1", event_id="1")]))
    store.sink.deliver(batch([searched("bread", "s-1", event_id="2", user_id=None)]))
    assert store.client.hget(f"{store.prefix}search:s-1", "user_id") is None
