"""Reconciling: what a store acknowledged and does not hold is found and sent again; the ledger closes throughout."""

import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from pytest_django import Settings

from capture import control, dead_letters, deliver, events, health, ingest, ledger, reconcile
from capture.models import DeadLetter, Event, Notice, OutboxBatch, Sink
from capture.sinks.base import Recount, Refusal, RowsRefused, Unavailable
from capture.sinks.memory import MemorySink
from leafloaf.access.models import AuditEntry
from tests.conftest import memory_configuration

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
