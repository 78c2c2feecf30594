"""The oldest transaction that wrote: found by the readings, shown by page and probe, said aloud when it is old."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings
from django.test import Client

from capture import deliver, events, health, horizon, ingest, notices
from capture.models import HorizonReading
from capture.sinks.memory import MemorySink
from tests.capture.test_dashboard import NOW, PAGE, olive, user, words_of

__all__ = ["olive", "user"]


@contextmanager
def open_transaction(statement: str, name: str = "month-end report") -> Iterator[psycopg.Connection]:
    """Another session that has run the statement and neither commits nor goes."""
    database = settings.DATABASES["default"]
    with psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname=database["NAME"],
        application_name=name,
    ) as session:
        session.execute(statement)
        yield session
        session.rollback()


WRITES = (
    "UPDATE capture_sink SET failures = failures WHERE name = 'nobody, yet an id: ' || pg_current_xact_id()"
)
READS = "SELECT count(*) FROM capture_sink"


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_quiet_log_is_held_back_by_nobody(memory: MemorySink) -> None:
    health.take_readings()
    reading = horizon.latest()
    assert reading is not None
    assert (reading.xid, reading.age_seconds, reading.held_by) == (0, 0.0, "")
    assert Client().get("/health").json()["log"] == {"horizon_age_seconds": 0.0}


def test_an_idle_writer_holds_sealing_back_and_is_named(memory: MemorySink) -> None:
    with open_transaction(WRITES):
        ingest.record(events.Search(query="milk"))
        assert deliver.drain("memory") == 0
        health.take_readings(later(45))
        reading = horizon.latest()
        assert reading is not None
        assert reading.held_by == "month-end report, idle in transaction"
        assert 44 < reading.age_seconds < 60
        assert Client().get("/health").json()["log"]["horizon_age_seconds"] > 44
        assert notices.sentences() == []
    assert deliver.drain("memory") == 1


def test_a_reader_holds_nothing_back_however_old(memory: MemorySink) -> None:
    with open_transaction(READS):
        ingest.record(events.Search(query="milk"))
        health.take_readings(later(3600))
        reading = horizon.latest()
        assert reading is not None
        assert reading.xid == 0
        assert deliver.drain("memory") == 1


def test_after_a_minute_staff_are_told_what_to_do_once_and_until_it_ends(memory: MemorySink) -> None:
    with open_transaction(WRITES) as session:
        pid = session.info.backend_pid
        health.take_readings(later(61))
        (said,) = notices.sentences()
        health.take_readings(later(600))
        assert notices.sentences() == [said]
        assert "month-end report, idle in transaction" in said
        assert f"`SELECT pg_terminate_backend({pid})` ends it." in said
        assert "capture_sink" not in said, "what it asked is nobody's business"
        assert Client().get("/health").json()["status"] == "degraded"
    health.take_readings(later(615))
    assert notices.sentences() == []


def test_the_oldest_of_many_is_the_one(memory: MemorySink) -> None:
    with open_transaction(WRITES, "first"), open_transaction(WRITES, "second"):
        health.take_readings()
        reading = horizon.latest()
        assert reading is not None
        assert reading.held_by.startswith("first")


def test_a_transaction_whose_start_is_hidden_counts_from_when_it_was_first_seen(log: None) -> None:
    """Of another role's session Postgres tells its name and its id only."""
    seen_at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert horizon.first_seen(4711) is None
    for minute in (2, 0, 1):
        taken_at = seen_at + timedelta(minutes=minute)
        HorizonReading.objects.create(taken_at=taken_at, xid=4711, age_seconds=0)
    assert horizon.first_seen(4711) == seen_at


def test_readings_of_the_horizon_are_kept_for_a_week(log: None) -> None:
    now = datetime.now(UTC)
    for days in (8, 6):
        HorizonReading.objects.create(taken_at=now - timedelta(days=days), xid=0, age_seconds=0)
    horizon.read(now)
    horizon.read(now)
    assert HorizonReading.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("age", "state"), [(42.0, "Healthy"), (200.0, "Degraded")])
def test_the_page_says_how_old_and_what_it_is(olive: Client, age: float, state: str) -> None:
    HorizonReading.objects.create(
        taken_at=NOW, xid=7, age_seconds=age, held_by="month-end report, idle in transaction"
    )
    text = words_of(olive.get(PAGE).content.decode())
    said = "42 s" if age == 42 else "3 min 20 s"
    assert f"Log {state} Oldest open transaction: {said} (month-end report, idle in transaction)" in text


@pytest.mark.django_db
def test_the_page_does_not_believe_an_old_reading(olive: Client) -> None:
    assert "Log Unknown" in words_of(olive.get(PAGE).content.decode())
    HorizonReading.objects.create(taken_at=NOW - timedelta(minutes=5), xid=0, age_seconds=0)
    assert "Log Unknown" in words_of(olive.get(PAGE).content.decode())
