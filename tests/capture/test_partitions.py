"""The log's partitions: made ahead, and the default one emptied when something fell into it."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction

from capture import events, health, ingest, partitions
from capture.models import Event, Notice
from tests.stack.processes import wait_until

pytestmark = pytest.mark.usefixtures("log", "as_they_were")

FAR = datetime(2031, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def as_they_were() -> Iterator[None]:
    """Drops the days that a test has added."""
    before = partitions.days()
    yield
    for day in set(partitions.days()) - set(before):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {partitions.name_of(day)}")


def rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        count: int = cursor.fetchone()[0]
    return count


def test_the_days_ahead_are_there() -> None:
    today = datetime.now(UTC).date()
    assert {today + timedelta(days=offset) for offset in range(8)} <= set(partitions.days())
    assert partitions.ensure() == []


def test_what_fell_into_the_default_partition_is_moved_to_its_day() -> None:
    for day in (FAR, FAR + timedelta(days=3)):
        ingest.record(events.Search(query="milk"), received_at=day)
    assert rows(partitions.DEFAULT) == 2
    assert partitions.ensure() == ["capture_event_p20310517", "capture_event_p20310520"]
    assert rows(partitions.DEFAULT) == 0
    assert rows("capture_event_p20310517") == 1
    assert Event.objects.count() == 2


def test_the_default_partition_is_watched() -> None:
    health.take_readings()
    assert not Notice.objects.exists()
    ingest.record(events.Search(query="milk"), received_at=FAR)
    health.take_readings()
    summary = health.summary()
    assert summary["status"] == "degraded"
    assert "default partition" in str(summary["notices"])
    partitions.ensure()
    health.take_readings()
    assert health.summary()["notices"] == []


def test_a_writer_and_the_maker_of_its_day_lose_no_event() -> None:
    """Rows that arrive in the default partition while its day is being made, as when the scheduler was away."""
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not stop.is_set():
            ingest.record(events.Search(query="milk"), received_at=FAR)
            written.append(1)
        connection.close()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    wait_until(lambda: len(written) >= 10, "something is written")
    made = partitions.ensure()
    before = len(written)
    wait_until(lambda: len(written) >= before + 10, "writing goes on")
    stop.set()
    for writer in writers:
        writer.join()
    assert made == ["capture_event_p20310517"]
    assert rows(partitions.DEFAULT) == 0
    assert rows("capture_event_p20310517") == len(written)


def test_a_long_query_on_the_log_makes_it_give_way_and_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(partitions, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(partitions, "TRIES", 3)
    reading, may_end = threading.Event(), threading.Event()

    def read() -> None:
        with transaction.atomic():
            Event.objects.count()
            reading.set()
            may_end.wait(30)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    assert reading.wait(30)
    day = date(2031, 5, 17)
    with pytest.raises(OperationalError, match="lock timeout"):
        partitions.ensure(today=day, days_ahead=0)
    may_end.set()
    reader.join()
    assert partitions.ensure(today=day, days_ahead=0) == ["capture_event_p20310517"]
