"""How each sink is doing, each state by what causes it; and /health, which asks nobody."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from capture import control, deliver, events, health, ingest
from capture.models import DeadLetter, OutboxBatch, Reading, Sink
from capture.sinks.base import BatchRefused, Misconfigured, Refusal, RowsRefused, Unavailable
from capture.sinks.memory import MemorySink
from tests.capture.outbox_rows import batch, configured, reading
from tests.conftest import memory_configuration

pytestmark = pytest.mark.usefixtures("long_rests")


def capture(count: int = 1) -> None:
    for _ in range(count):
        ingest.record(events.Search(query="milk"))


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def read(seconds: float = 0) -> Reading:
    """How the memory sink is doing that long from now."""
    return health.reading("memory", later(seconds))


def shown() -> Any:
    response = Client().get("/health")
    assert response.status_code == 200
    return response.json()


def test_a_sink_that_is_off_is_disabled_whatever_it_is_owed(memory: MemorySink, settings: Settings) -> None:
    settings.SINKS = {"memory": memory_configuration(ENABLED=False)}
    capture(3)
    assert read(3600).health == "disabled"


def test_a_sink_that_has_everything_is_healthy(memory: MemorySink) -> None:
    assert read().health == "healthy"
    capture(3)
    deliver.drain("memory")
    taken = read(3600)
    assert (taken.health, taken.waiting, taken.lag_seconds, taken.delivered) == ("healthy", 0, 0.0, 3)


def test_what_waits_is_counted_sealed_or_not(memory: MemorySink) -> None:
    capture(2)
    memory.fail_next(Unavailable("away"))
    deliver.drain("memory")
    capture(3)
    taken = read(10)
    assert (taken.waiting, taken.delivered) == (5, 0)
    assert taken.lag_seconds > 9


def test_an_event_that_waits_too_long_degrades_its_sink(memory: MemorySink) -> None:
    capture()
    allowed = health.OTHER_LAG_ALLOWED
    assert read(allowed - 20).health == "healthy"
    assert read(allowed + 1).health == "degraded"


@pytest.mark.parametrize("name", ["redis", "cloud_storage", "bigquery"])
def test_each_store_may_be_late_by_its_own_measure(log: None, settings: Settings, name: str) -> None:
    settings.SINKS = {name: memory_configuration()}
    sink, allowed = Sink(name=name), health.LAG_ALLOWED[name]
    assert health.judged(sink, allowed, has_casualties=False) == "healthy"
    assert health.judged(sink, allowed + 0.1, has_casualties=False) == "degraded"


def test_a_pause_is_not_health(memory: MemorySink) -> None:
    control.pause("memory", by="olive")
    assert read().health == "degraded"
    control.resume("memory", by="olive")
    assert read().health == "healthy"


def test_a_dead_letter_degrades_its_sink_until_somebody_deals_with_it(memory: MemorySink) -> None:
    ingest.record(events.Search(event_id="poison", query="milk"))
    memory.fail_next(RowsRefused({"poison": Refusal("no", {})}))
    deliver.drain("memory")
    taken = read()
    assert (taken.health, taken.dead, taken.delivered, taken.waiting) == ("degraded", 1, 0, 0)
    DeadLetter.objects.update(state=DeadLetter.State.DISCARDED)
    assert read().health == "healthy"


def test_a_blocked_batch_degrades_its_sink(memory: MemorySink) -> None:
    capture()
    memory.fail_next(BatchRefused("other content"))
    deliver.drain("memory")
    taken = read()
    assert (taken.health, taken.waiting) == ("degraded", 1)


def test_a_sink_that_fails_is_degraded_and_after_five_times_unhealthy(memory: MemorySink) -> None:
    capture()
    seen = []
    for number in range(6):
        memory.fail_next(Misconfigured("403") if number else Unavailable("503"))
        deliver.drain("memory")
        Sink.objects.update(available_at=Now())
        seen.append(read().health)
    assert seen == ["degraded"] * 4 + ["unhealthy"] * 2
    deliver.drain("memory")
    assert read().health == "healthy"


def test_readings_are_kept_for_a_week_of_charts(log: None, settings: Settings) -> None:
    settings.SINKS = configured(redis=True, bigquery=False)
    now = datetime.now(UTC)
    for days in (9, 6):
        reading("redis", now - timedelta(days=days)).save()
    assert [taken.sink for taken in health.take_readings(now)] == ["redis", "bigquery"]
    assert Reading.objects.count() == 3
    health.take_readings(now)
    assert Reading.objects.count() == 3, "two schedulers at one moment leave one reading"
    assert {name: taken.taken_at for name, taken in health.latest().items()} == {
        "redis": now,
        "bigquery": now,
    }


def test_the_page_shows_every_sink_and_that_all_is_well(log: None, settings: Settings) -> None:
    settings.SINKS = configured(redis=True, cloud_storage=True, bigquery=False)
    health.take_readings()
    assert shown() | {"read_at": "", "notices": []} == {
        "status": "healthy",
        "data_capture": {"redis": "healthy", "cloud_storage": "healthy", "bigquery": "disabled"},
        "log": {"horizon_age_seconds": 0.0},
        "database": "healthy",
        "worker": "healthy",
        "read_at": "",
        "notices": [],
    }


@pytest.mark.parametrize("state", ["degraded", "unhealthy"])
def test_one_sink_in_trouble_degrades_the_whole_and_the_page_answers(
    log: None, settings: Settings, state: str
) -> None:
    settings.SINKS = configured(redis=True, cloud_storage=True)
    health.take_readings(later(-10))
    reading("redis", datetime.now(UTC), health=state).save()
    page = shown()
    assert (page["status"], page["data_capture"]["redis"]) == ("degraded", state)
    assert page["data_capture"]["cloud_storage"] == "healthy"


def test_nobody_taking_readings_means_a_stale_worker(log: None, settings: Settings) -> None:
    settings.SINKS = configured(redis=True)
    assert (shown()["worker"], shown()["status"], shown()["read_at"]) == ("stale", "degraded", None)
    health.take_readings(later(-121))
    assert (shown()["worker"], shown()["status"]) == ("stale", "degraded")
    health.take_readings()
    assert (shown()["worker"], shown()["status"]) == ("healthy", "healthy")


def test_a_switch_counts_at_once_whatever_the_last_reading_said(log: None, settings: Settings) -> None:
    settings.SINKS = configured(redis=True, bigquery=False)
    health.take_readings()
    settings.SINKS = configured(redis=False, bigquery=True)
    assert shown()["data_capture"] == {"redis": "disabled", "bigquery": "degraded"}


def test_the_page_asks_no_store_and_the_database_little(
    log: None, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.SINKS = {
        "memory": memory_configuration(BACKEND="tests.capture.test_health.Untouchable"),
        "other": memory_configuration(BACKEND="tests.capture.test_health.Untouchable"),
    }
    capture(5)
    health.take_readings()
    with django_assert_num_queries(3):  # the readings, the notices, and the horizon
        assert shown()["data_capture"] == {"memory": "healthy", "other": "healthy"}


class Untouchable(MemorySink):
    """Fails whoever so much as makes one."""

    def __init__(self, **_: Any) -> None:
        raise AssertionError("health asked a store")


def test_probes_answer(log: None) -> None:
    assert Client().get("/health/live").json() == {"status": "live"}
    assert Client().get("/health/ready").json() == {"status": "ready"}


@pytest.mark.django_db
def test_waiting_batches_and_their_casualties_are_counted_once(settings: Settings) -> None:
    settings.SINKS = {"memory": memory_configuration()}
    now = datetime.now(UTC)
    batch("memory", 1, now, count=100, excluded=3)
    batch("memory", 2, now, count=50, excluded=2, state=OutboxBatch.State.SEALED)
    batch("memory", 3, now, count=10, state=OutboxBatch.State.SENDING)
    batch("other", 1, now, count=7, state=OutboxBatch.State.SEALED)
    Sink.objects.create(name="memory", cursor_xid=2**62, cursor_received_at=now, delivered=97)
    taken = health.reading("memory", now)
    assert (taken.waiting, taken.delivered) == (58, 97)
