"""Sealing passes over nothing and takes nothing twice."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction
from pytest_django import Settings

from capture import events, ingest, log, seal
from capture.models import OutboxBatch, Sink
from capture.sinks.memory import MemorySink
from tests.conftest import memory_configuration


def capture(count: int = 1, prefix: str = "e", received_at: datetime | None = None) -> None:
    for number in range(count):
        ingest.record(events.Search(event_id=f"{prefix}-{number}", query="milk"), received_at)


def sealed_ids() -> Counter[str]:
    batches = OutboxBatch.objects.order_by("sequence")
    return Counter(record.event_id for batch in batches for record in log.read(batch))


def test_a_batch_is_fixed_before_anything_is_sent(memory: MemorySink) -> None:
    capture(3)
    assert seal.due("memory") == 1
    batch = OutboxBatch.objects.get()
    assert (batch.count, batch.state, batch.attempts) == (3, "sealed", 0)
    assert batch.checksum == log.checksum(["e-0", "e-1", "e-2"])
    assert memory.records == []


def test_nothing_is_sealed_twice(memory: MemorySink) -> None:
    capture(3)
    assert (seal.due("memory"), seal.due("memory")) == (1, 0)


def test_the_object_name_says_when_and_how_many() -> None:
    sealed_at = datetime(2024, 1, 24, 10, 30, tzinfo=UTC)
    assert seal.object_name(sealed_at, 100, 7) == "events/20240124_103000_100-7_events.jsonl"


def test_too_few_and_too_young_waits(memory: MemorySink, settings: Settings) -> None:
    settings.SINKS = {"memory": memory_configuration(BATCH_SIZE=10, MAX_AGE_SECONDS=60)}
    capture(9)
    assert seal.due("memory") == 0
    assert seal.due("memory", now=datetime.now(UTC) + timedelta(seconds=61)) == 1


def test_a_full_batch_goes_at_once_and_the_rest_waits(memory: MemorySink, settings: Settings) -> None:
    settings.SINKS = {"memory": memory_configuration(BATCH_SIZE=10, MAX_AGE_SECONDS=60)}
    capture(25)
    assert seal.due("memory") == 2
    assert [batch.count for batch in OutboxBatch.objects.order_by("sequence")] == [10, 10]
    assert seal.due("memory", is_final=True) == 1
    assert sealed_ids() == Counter(f"e-{number}" for number in range(25))


def test_a_batch_never_spans_two_days(memory: MemorySink) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    capture(3, "before", midnight - timedelta(seconds=1))
    capture(2, "after", midnight)
    capture(1, "late", midnight - timedelta(seconds=1))
    seal.due("memory")
    days = [(batch.day, batch.count) for batch in OutboxBatch.objects.order_by("sequence")]
    assert days == [
        (midnight.date() - timedelta(days=1), 3),
        (midnight.date(), 2),
        (midnight.date() - timedelta(days=1), 1),
    ]
    assert sum(sealed_ids().values()) == 6


def test_a_paused_sink_is_not_sealed_for(memory: MemorySink) -> None:
    capture()
    Sink.objects.create(name="memory", state=Sink.State.PAUSED)
    assert seal.due("memory") == 0


def test_an_open_transaction_holds_the_seal_back_but_is_not_passed_over(memory: MemorySink) -> None:
    """The writer that asked for its number first commits last: the case a cursor on the id alone loses."""
    wrote, may_commit = threading.Event(), threading.Event()

    def slow_writer() -> None:
        with transaction.atomic():
            ingest.record(events.Search(event_id="slow", query="milk"))
            wrote.set()
            may_commit.wait(30)
        connection.close()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert wrote.wait(30)
    capture(1, "quick")
    seal.due("memory")
    assert sealed_ids() == Counter()
    may_commit.set()
    writer.join()
    seal.due("memory")
    assert sealed_ids() == Counter({"slow": 1, "quick-0": 1})


@pytest.mark.usefixtures("room")
def test_eight_writers_and_three_sealers_lose_and_double_nothing(
    memory: MemorySink, settings: Settings
) -> None:
    settings.SINKS = {"memory": memory_configuration(BATCH_SIZE=7)}
    writing = threading.Event()
    writing.set()

    def write(writer: int) -> None:
        for number in range(40):
            with transaction.atomic():
                ingest.record(events.Search(event_id=f"w{writer}-{number}", query="milk"))
                if number % 3 == writer % 3:
                    ingest.record(events.Search(event_id=f"w{writer}-{number}-too", query="bread"))
        connections.close_all()

    def sealing() -> None:
        while writing.is_set():
            seal.due("memory")
        connections.close_all()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    sealers = [threading.Thread(target=sealing) for _ in range(3)]
    for thread in writers + sealers:
        thread.start()
    for thread in writers:
        thread.join()
    writing.clear()
    for thread in sealers:
        thread.join()
    while seal.due("memory", is_final=True):
        pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id FROM capture_event")
        logged = Counter(event_id for (event_id,) in cursor.fetchall())
    assert set(logged.values()) == {1}
    assert sealed_ids() == logged


def test_a_sink_met_for_the_first_time_gets_the_whole_log(memory: MemorySink) -> None:
    capture(2)
    assert not Sink.objects.exists()
    assert seal.due("memory") == 1
    assert Sink.objects.get().next_sequence == 2


@pytest.mark.parametrize("count", [1, 20])
def test_sequences_have_no_gaps(memory: MemorySink, settings: Settings, count: int) -> None:
    settings.SINKS = {"memory": memory_configuration(BATCH_SIZE=1)}
    capture(count)
    while seal.due("memory"):
        pass
    sequences = OutboxBatch.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, count + 1))
