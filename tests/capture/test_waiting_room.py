"""Where searches wait for the log: bounded, with a time to live, and only what the log will take."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django_redis import get_redis_connection
from pytest_django import Settings

from capture import admit, health, notices, waiting_room
from capture.events import Search
from capture.models import Event, RejectionCount
from capture.tasks import admit_waiting
from capture.validation import InvalidEvent
from capture.waiting_room import Full
from leafloaf.lib import cache
from leafloaf.stack.throwaway import ThrowawayStack

NOW = datetime.now(UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def redis(stack: ThrowawayStack) -> Iterator[None]:
    if "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    cache._quiet.until = 0.0
    get_redis_connection("default").flushdb()
    yield
    get_redis_connection("default").flushdb()


def search(name: str, **fields: str) -> Search:
    return Search(event_id=name, search_id=name, query="milk", **fields)  # type: ignore[arg-type]


def test_those_that_wait_are_let_in_once_in_order_and_with_the_time_they_came() -> None:
    for number in range(230):
        waiting_room.put(search(f"s-{number}"), NOW - timedelta(minutes=5) + timedelta(seconds=number))
    assert waiting_room.count() == 230
    assert admit.waiting() == 230
    assert (waiting_room.count(), admit.waiting()) == (0, 0)
    events = list(Event.objects.order_by("id"))
    assert [event.event_id for event in events] == [f"s-{number}" for number in range(230)]
    assert events[7].received_at == events[7].occurred_at == NOW - timedelta(minutes=5) + timedelta(seconds=7)


def test_one_that_the_log_has_already_is_not_let_in_again() -> None:
    for _ in range(2):
        waiting_room.put(search("twice"), NOW)
    changed = search("twice")
    changed.query = "bread"
    waiting_room.put(changed, NOW)
    assert admit.waiting() == 3
    assert Event.objects.get().payload["query"] == "milk"


def test_one_that_waited_too_long_for_sealing_counts_as_received_now_and_happened_then() -> None:
    then = NOW - timedelta(days=3)
    waiting_room.put(search("late"), then)
    admit.waiting()
    event = Event.objects.get()
    assert event.occurred_at == then
    assert event.received_at >= NOW


def test_one_that_the_log_refuses_is_counted_and_costs_no_other() -> None:
    waiting_room.put(search("ancient"), NOW - timedelta(days=31))
    waiting_room.put(search("young"), NOW)
    assert admit.waiting() == 2
    assert Event.objects.get().event_id == "young"
    assert RejectionCount.objects.get().code == "too_old"


def test_what_waits_has_a_time_to_live_under_the_prefix(settings: Settings) -> None:
    waiting_room.put(search("one"), NOW)
    [key] = get_redis_connection("default").keys(f"{settings.REDIS_PREFIX}*")
    assert 0 < get_redis_connection("default").ttl(key) <= waiting_room.SECONDS


def test_nobody_known_waits_and_nothing_the_log_would_not_take() -> None:
    with pytest.raises(Full, match="anonymous"):
        waiting_room.put(search("hers", user_id="u-1"), NOW)
    with pytest.raises(InvalidEvent, match="e-mail"):
        waiting_room.put(search("his", session_id="someone@example.com"), NOW)
    assert waiting_room.count() == 0


def test_a_full_room_takes_no_more() -> None:
    with patch.object(waiting_room, "MOST", 2):
        waiting_room.put(search("a"), NOW)
        waiting_room.put(search("b"), NOW)
        with pytest.raises(Full, match="2 searches wait already"):
            waiting_room.put(search("c"), NOW)
    assert waiting_room.count() == 2


def test_a_redis_that_is_away_or_may_evict_keeps_nothing(stack: ThrowawayStack) -> None:
    redis = get_redis_connection("default")
    redis.config_set("maxmemory", "1gb")
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(Full, match="noeviction"):
            waiting_room.put(search("a"), NOW)
    finally:
        redis.config_set("maxmemory", "0")
        redis.config_set("maxmemory-policy", "noeviction")
    stack["redis"].kill()
    try:
        with pytest.raises(Full, match="Redis: ConnectionError"):
            waiting_room.put(search("a"), NOW)
        assert waiting_room.count() is None
        admit_waiting()
    finally:
        stack["redis"].start()


def test_staff_and_monitors_are_told_while_anything_waits() -> None:
    waiting_room.put(search("one"), NOW)
    health.take_readings()
    assert any(sentence.startswith("1 of the searches") for sentence in notices.sentences())
    call_command("admit_waiting")
    health.take_readings()
    assert notices.sentences() == []


def test_without_redis_there_is_nothing_to_let_in(settings: Settings) -> None:
    waiting_room.put(search("one"), NOW)
    settings.REDIS_ENABLED = False
    assert admit.waiting() == 0
    assert waiting_room.count() is None
    settings.REDIS_ENABLED = True
    assert waiting_room.count() == 1
