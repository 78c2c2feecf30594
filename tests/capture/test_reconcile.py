"""Reconciling: what a store acknowledged and does not hold is found and sent again; the ledger closes throughout."""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from pytest_django import Settings

from capture import control, dead_letters, deliver, events, health, ingest, ledger, reconcile, schema, sinks
from capture.models import DeadLetter, Event, Notice, OutboxBatch, Sink
from capture.sinks.base import Batch, Recount, Refusal, RowsRefused, Unavailable
from capture.sinks.bigquery import BigQuerySink
from capture.sinks.cloud_storage import CloudStorageSink
from capture.sinks.memory import MemorySink
from leafloaf.access.models import AuditEntry
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores
from tests.conftest import memory_configuration
from tests.standins import Standin

AT_ONCE = timedelta(0)


def capture(count: int = 3) -> None:
    for number in range(count):
        ingest.record(events.Search(event_id=f"e-{number}", query="milk"))
        ingest.record(events.Cart(event_id=f"c-{number}", action="add", product_id="A", quantity=Decimal(1)))


def captured() -> Counter[str]:
    return Counter(Event.objects.values_list("event_id", flat=True))


def held(memory: MemorySink) -> Counter[str]:
    return Counter(document["event_id"] for document in memory.records)


def lose(memory: MemorySink, *event_ids: str) -> None:
    for documents in memory.batches.values():
        documents[:] = [each for each in documents if each["event_id"] not in event_ids]


def counted(name: str, **options: Any) -> reconcile.Tally:
    return reconcile.everything(name, min_age=AT_ONCE, **options)


def delivered_ago(**ago: float) -> None:
    OutboxBatch.objects.update(delivered_at=datetime.now(UTC) - timedelta(**ago))


def closes() -> bool:
    return ledger.open_accounts(ledger.close()) == []


# The workflow, on a store that can be reached into


def test_a_store_that_holds_everything_is_left_alone(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    tally = counted("memory")
    assert (tally.batches, tally.owed, tally.held, tally.lost, tally.stopped) == (1, 6, 6, {}, "")
    batch = OutboxBatch.objects.get()
    assert (batch.state, batch.held, batch.doubled) == ("delivered", 6, 0)
    assert batch.recounted_at is not None
    assert not AuditEntry.objects.exists()


def test_what_is_missing_is_owed_again_and_arrives_once(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    lose(memory, "e-1", "c-2")
    assert counted("memory").lost == {"memory-1": 2}
    batch = OutboxBatch.objects.get()
    assert (batch.state, batch.attempts, batch.held) == ("sealed", 1, 4)
    assert Sink.objects.get().delivered == 0
    assert closes()
    assert ledger.close()[0].pending == 6
    assert deliver.drain("memory") == 6
    assert held(memory) == captured()
    assert Sink.objects.get().delivered == 6
    assert closes()
    assert counted("memory").lost == {}


def test_the_audit_says_what_was_sent_again(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    lose(memory, "e-1")
    counted("memory")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("reconciler", "send batch again", "memory-1")
    assert entry.details == {"held": 5, "owed": 6}


def test_a_batch_sent_again_is_asked_for_first(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    lose(memory, "e-1")
    counted("memory")
    again = deliver.claim("memory")
    assert again is not None
    assert again.attempts == 2


def test_a_dry_run_changes_nothing(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    lose(memory, "e-1")
    before = list(OutboxBatch.objects.values())
    assert counted("memory", is_dry_run=True).lost == {"memory-1": 1}
    assert list(OutboxBatch.objects.values()) == before
    assert Sink.objects.get().delivered == 6
    assert not AuditEntry.objects.exists()


def test_a_second_look_repairs_nothing_twice(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    lose(memory, "e-1")
    stale = OutboxBatch.objects.get()
    counted("memory")
    assert not reconcile.send_again(stale, Recount(5))
    assert Sink.objects.get().delivered == 0


def test_dead_letters_are_not_missed(memory: MemorySink) -> None:
    capture()
    memory.fail_next(RowsRefused({"e-1": Refusal("no", {})}))
    deliver.drain("memory")
    tally = counted("memory")
    assert (tally.owed, tally.held, tally.lost) == (5, 5, {})


def test_a_replayed_dead_letter_that_was_lost_is_pending_again(memory: MemorySink) -> None:
    capture()
    memory.fail_next(RowsRefused({"e-1": Refusal("no", {})}))
    deliver.drain("memory")
    dead_letters.replay(DeadLetter.objects.all(), by="test")
    deliver.drain("memory")
    assert DeadLetter.objects.get().state == "replayed"
    lose(memory, "e-1")
    assert counted("memory").lost == {"memory-2": 1}
    assert DeadLetter.objects.get().state == "pending"
    assert closes()
    deliver.drain("memory")
    assert held(memory) == captured()
    assert DeadLetter.objects.get().state == "replayed"
    assert closes()


def test_what_the_log_no_longer_holds_is_not_lost(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    lose(memory, "e-1")
    Event.objects.filter(event_id="e-1").delete()
    tally = counted("memory")
    assert (tally.lost, tally.incomparable) == ({}, 1)
    batch = OutboxBatch.objects.get()
    assert (batch.state, batch.held) == ("delivered", None)
    assert batch.recounted_at is not None


def test_what_the_retention_has_taken_is_not_lost(memory: MemorySink, settings: Settings) -> None:
    capture()
    deliver.drain("memory")
    OutboxBatch.objects.update(day=F("day") - timedelta(days=settings.RAW_EVENT_RETENTION_DAYS - 1))
    memory.batches.clear()
    assert counted("memory").batches == 0


def test_what_is_held_twice_is_reported_and_stays(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    memory.batches["memory-1"].append(memory.batches["memory-1"][0])
    tally = counted("memory")
    assert (tally.doubled, tally.lost) == (1, {})
    assert OutboxBatch.objects.get().doubled == 1
    assert health.reading("memory", datetime.now(UTC)).health == "degraded"
    assert "memory holds 1 events more than once" in Notice.objects.get().sentence
    assert sum(held(memory).values()) == 7
    memory.batches["memory-1"].pop()
    counted("memory")
    assert health.reading("memory", datetime.now(UTC)).health == "healthy"
    assert not Notice.objects.exists()


def test_a_store_that_is_away_stops_the_count_and_nothing_else(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    memory.fail_next(Unavailable("503 for now"))
    assert counted("memory").stopped == "503 for now"
    assert OutboxBatch.objects.get().recounted_at is None
    assert Sink.objects.get().failures == 0


def test_the_hourly_count_waits_a_little_and_counts_once(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    assert reconcile.recent()[0].batches == 0
    delivered_ago(minutes=6)
    assert reconcile.recent()[0].batches == 1
    assert reconcile.recent()[0].batches == 0


def test_the_nightly_count_takes_what_the_hourly_missed_and_what_was_counted_long_ago(
    memory: MemorySink,
) -> None:
    capture()
    deliver.drain("memory")
    delivered_ago(hours=5)
    assert reconcile.recent()[0].batches == 0
    assert reconcile.overdue()[0].batches == 1
    assert reconcile.overdue()[0].batches == 0
    OutboxBatch.objects.update(recounted_at=datetime.now(UTC) - timedelta(days=8))
    assert reconcile.overdue()[0].batches == 1


def test_a_run_that_is_cut_short_goes_on_where_it_stopped(
    memory: MemorySink, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SINKS = {"memory": memory_configuration(BATCH_SIZE=1)}
    capture()
    deliver.drain("memory")
    monkeypatch.setattr(reconcile, "MOST_BATCHES", 4)
    monkeypatch.setattr(reconcile, "BUNCH", 3)
    assert counted("memory").batches == 4
    assert OutboxBatch.objects.filter(recounted_at=None).count() == 2
    counted("memory")
    assert not OutboxBatch.objects.filter(recounted_at=None).exists()
    monkeypatch.setattr(reconcile, "BUDGET_SECONDS", -1)
    assert "time is up" in counted("memory").stopped


def test_two_runs_do_not_meet(memory: MemorySink) -> None:
    other = connection.copy()
    key = [reconcile.LOCK, reconcile.key_of("memory")]
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", key)
            assert counted("memory").stopped == "another run is counting"
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
    finally:
        other.close()


def test_a_paused_sink_is_counted_and_repaired_later(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    lose(memory, "e-1")
    control.pause("memory", by="test")
    assert counted("memory").lost == {"memory-1": 1}
    assert deliver.drain("memory") == 0
    control.resume("memory", by="test")
    deliver.drain("memory")
    assert held(memory) == captured()


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("reconcile", "--min-age", "0", *arguments, stdout=output)
    return output.getvalue()


def test_the_command_says_what_it_found(memory: MemorySink) -> None:
    capture()
    deliver.drain("memory")
    lose(memory, "e-1")
    assert "memory-1 lacks 1 events and would be sent again" in run("--dry-run")
    tomorrow = str(datetime.now(UTC).date() + timedelta(days=1))
    assert "0 batches" in run("--since", tomorrow)
    assert "1 lost in 1 batches" in run("--sink", "memory")
    with pytest.raises(CommandError, match="no sink 'elsewhere'"):
        run("--sink", "elsewhere")
    memory.fail_next(Unavailable("away"))
    deliver.drain("memory")
    Sink.objects.update(available_at=datetime.now(UTC))
    deliver.drain("memory")
    memory.fail_next(Unavailable("away"))
    with pytest.raises(CommandError, match="Not all was counted"):
        run()


# The real stores


@pytest.fixture
def google(
    request: pytest.FixtureRequest, log: None, stack: ThrowawayStack, settings: Settings
) -> Iterator[Any]:
    """An empty store of this name, as the only sink."""
    name: str = request.param
    opened = stores.opened(name, stack)
    sink = opened.sink
    assert isinstance(sink, BigQuerySink | CloudStorageSink)
    options = {
        "bigquery": lambda: {"project": sink.project, "dataset": getattr(sink, "dataset", "")},
        "cloud_storage": lambda: {"project": sink.project, "bucket": getattr(sink, "bucket_name", "")},
    }[name]()
    backend = f"{type(sink).__module__}.{type(sink).__name__}"
    settings.SINKS = {
        name: memory_configuration(
            BACKEND=backend, BATCH_SIZE=4, OPTIONS=options | {"endpoint": sink.endpoint}
        )
    }
    yield opened
    opened.clean()


def in_store(store: stores.Store) -> Counter[str]:
    return store.held(Batch("", "", []))


@pytest.fixture
def lossy(stack: ThrowawayStack) -> Iterator[Standin]:
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    yield standin
    for table in schema.TABLES.values():
        standin.lose_rows(table, 0)


@pytest.mark.parametrize("google", ["bigquery"], indirect=True)
def test_rows_that_bigquery_acknowledged_and_lost_are_inserted_once(
    google: stores.BigQueryStore, lossy: Standin
) -> None:
    capture(5)
    lossy.lose_rows(schema.TABLES["search"], 2)
    assert deliver.drain("bigquery") == 10
    assert sum(in_store(google).values()) == 8
    lossy.lose_rows(schema.TABLES["search"], 0)
    tally = counted("bigquery")
    assert (tally.batches, sum(tally.lost.values())) == (3, 2)
    assert closes()
    assert deliver.drain("bigquery") > 0
    assert in_store(google) == captured()
    assert counted("bigquery").lost == {}
    assert closes()


@pytest.mark.parametrize("google", ["bigquery"], indirect=True)
def test_an_event_that_bigquery_holds_twice_is_found_and_the_view_shows_it_once(
    google: stores.BigQueryStore, stack: ThrowawayStack
) -> None:
    capture(2)
    deliver.drain("bigquery")
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    standin.advance(120)  # BigQuery has forgotten the insertIds
    batch = OutboxBatch.objects.get()
    records = reconcile.acknowledged(batch).read()
    assert records is not None
    google.sink.deliver(Batch(batch.label, "", records))
    standin.advance(120)
    google.sink.deliver(Batch(f"other-{uuid4()}", "", records[:1]))
    assert sum(in_store(google).values()) == 9
    tally = counted("bigquery")
    assert (tally.lost, tally.doubled) == ({}, 4)
    views = [
        f"SELECT event_id FROM `{google.sink.table(kind)}_once` WHERE timestamp > TIMESTAMP '2000-01-01'"
        for kind in schema.TABLES
    ]
    shown = Counter(row.event_id for query in views for row in google.client.query_and_wait(query))
    assert shown == captured()


@pytest.mark.parametrize("google", ["bigquery"], indirect=True)
def test_rows_of_another_life_under_the_same_label_hide_no_loss(
    google: stores.BigQueryStore, lossy: Standin
) -> None:
    """A new Postgres beside an old data set: its first batch has a name that is taken."""
    capture(1)
    lossy.lose_rows(schema.TABLES["search"], 1)
    deliver.drain("bigquery")
    lossy.lose_rows(schema.TABLES["search"], 0)
    batch = OutboxBatch.objects.get()
    records = reconcile.acknowledged(batch).read()
    assert records is not None
    strangers = [replace(record, event_id=f"stranger-{record.event_id}") for record in records]
    google.sink.deliver(Batch(batch.label, "", strangers))
    assert counted("bigquery").lost == {batch.label: 1}


@pytest.mark.parametrize("google", ["cloud_storage"], indirect=True)
def test_an_object_that_is_gone_or_altered_is_written_again(google: stores.CloudStorageStore) -> None:
    capture(8)
    deliver.drain("cloud_storage")
    gone, altered, emptied, whole = google.bucket.list_blobs()
    gone.delete()
    lines = altered.download_as_bytes().splitlines(keepends=True)
    altered.upload_from_string(b"".join([lines[0], b'{"event_id": ', *lines[2:]]))
    google.bucket.blob(emptied.name).upload_from_string(b"")
    tally = counted("cloud_storage")
    assert (tally.batches, sum(tally.lost.values()), len(tally.lost)) == (4, 4 + 2 + 4, 3)
    assert closes()
    assert deliver.drain("cloud_storage") == 12
    assert in_store(google) == captured()
    assert counted("cloud_storage").lost == {}
    assert closes()
    whole.reload()


@pytest.mark.parametrize("google", ["cloud_storage"], indirect=True)
def test_a_changed_value_counts_as_lost_and_a_column_not_known_then_does_not(
    google: stores.CloudStorageStore,
) -> None:
    capture(2)
    deliver.drain("cloud_storage")
    (blob,) = google.bucket.list_blobs()
    lines = blob.download_as_bytes()
    blob.upload_from_string(lines.replace(b'"alpha":null,', b""))
    assert counted("cloud_storage").lost == {}
    blob.upload_from_string(lines.replace(b'"milk"', b'"beer"'))
    assert list(counted("cloud_storage").lost.values()) == [2]


@pytest.mark.parametrize("google", ["cloud_storage"], indirect=True)
def test_another_batchs_object_is_never_taken_away(google: stores.CloudStorageStore) -> None:
    capture(2)
    deliver.drain("cloud_storage")
    (blob,) = google.bucket.list_blobs()
    stranger = google.bucket.blob(blob.name)
    stranger.metadata = {"leafloaf-batch": "somebody-else-7"}
    stranger.upload_from_string(b"{}\n")
    assert sum(counted("cloud_storage").lost.values()) == 4
    assert deliver.drain("cloud_storage") == 0
    assert OutboxBatch.objects.get().state == "blocked"
    assert google.bucket.blob(blob.name).download_as_bytes() == b"{}\n"
    assert closes()


def test_redis_says_that_it_cannot_be_counted(log: None, settings: Settings) -> None:
    options = {"url": "redis://127.0.0.1:9", "prefix": "x:"}
    settings.SINKS = {"redis": memory_configuration(BACKEND="capture.sinks.redis.RedisSink", OPTIONS=options)}
    sink = sinks.get("redis")
    assert not isinstance(sink, MemorySink)
    OutboxBatch.objects.bulk_create([batch_of("redis")])
    assert "cannot be counted again" in run()


def batch_of(name: str) -> OutboxBatch:
    now = datetime.now(UTC)
    return OutboxBatch(
        sink=name,
        sequence=1,
        day=now.date(),
        first_xid=1,
        first_id=1,
        last_xid=1,
        last_id=1,
        count=1,
        checksum="",
        object_name="",
        oldest_received_at=now,
        sealed_at=now,
        delivered_at=now,
        state="delivered",
    )
