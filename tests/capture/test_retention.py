"""Old days of the log: dropped when nobody is owed any of them, kept and named otherwise."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from pytest_django import Settings

from capture import control, deliver, events, health, ingest, ledger, partitions, retention
from capture.event_keys import key_of
from capture.models import (
    DeadLetter,
    Event,
    EventKey,
    LedgerDay,
    Notice,
    OutboxBatch,
    RejectionCount,
    Sink,
)
from capture.sinks.base import Refusal, RowsRefused
from capture.sinks.memory import MemorySink
from leafloaf.access.models import AuditEntry
from tests.conftest import memory_configuration

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=92)
DAY = OLD.date()


@pytest.fixture(autouse=True)
def _as_they_were(log: None) -> Iterator[None]:
    before = partitions.days()
    yield
    for day in set(partitions.days()) - set(before):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {partitions.name_of(day)}")


def capture(count: int = 3, received_at: datetime = OLD, prefix: str = "old") -> None:
    for number in range(count):
        ingest.record(events.Search(event_id=f"{prefix}-{number}", query="milk"), received_at=received_at)
    partitions.ensure()


def delivered(*names: str) -> None:
    for name in names:
        deliver.drain(name, is_final=True)


def test_a_settled_day_is_dropped_with_all_that_hangs_on_it(memory: MemorySink) -> None:
    capture()
    delivered("memory")
    capture(2, NOW, "new")
    delivered("memory")
    pruned = retention.prune()
    assert pruned.dropped == {DAY: 3}
    assert pruned.held == {}
    assert DAY not in partitions.days()
    assert sorted(Event.objects.values_list("event_id", flat=True)) == ["new-0", "new-1"]
    keys = {key.bytes for key in EventKey.objects.values_list("key", flat=True)}
    assert keys == {key_of("new-0"), key_of("new-1")}
    assert [batch.day for batch in OutboxBatch.objects.all()] == [NOW.date()]
    account = LedgerDay.objects.get(day=DAY)
    assert (account.captured, account.delivered, account.difference) == (3, 3, 0)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.target, entry.details) == (
        "prune_events",
        partitions.name_of(DAY),
        {"events": 3},
    )
    assert ledger.open_accounts(ledger.close()) == []


def test_the_ninetieth_day_stays(memory: MemorySink) -> None:
    capture(1, datetime.now(UTC) - timedelta(days=90))
    delivered("memory")
    assert retention.prune().dropped == {}
    assert Event.objects.count() == 1


def test_a_day_that_is_still_owed_stays_and_is_named(memory: MemorySink) -> None:
    capture()
    with time_machine.travel(
        datetime(OLD.year, OLD.month, OLD.day, tzinfo=UTC) + timedelta(days=92), tick=False
    ):
        pruned = retention.prune()
    assert pruned.held == {
        DAY: f"{retention.day_name(DAY)} is past its retention but 3 events are still owed to Memory."
    }
    assert Event.objects.count() == EventKey.objects.count() == 3
    health.take_readings()
    summary = health.summary()
    assert summary["status"] == "degraded"
    assert summary["notices"] == list(pruned.held.values())
    delivered("memory")
    assert retention.prune().dropped == {DAY: 3}
    assert not Notice.objects.exists()


def test_one_held_day_holds_no_other(memory: MemorySink) -> None:
    capture(2, OLD - timedelta(days=1), "older")
    delivered("memory")
    capture(1)
    pruned = retention.prune()
    assert list(pruned.dropped) == [DAY - timedelta(days=1)]
    assert list(pruned.held) == [DAY]
    assert EventKey.objects.count() == 1


def test_a_dead_letter_holds_its_day_until_somebody_decides(memory: MemorySink) -> None:
    capture()
    memory.fail_next(RowsRefused({"old-1": Refusal("too long", {})}))
    delivered("memory")
    held = retention.prune().held
    assert "1 dead letter still waits for a decision on Memory" in held[DAY]
    DeadLetter.objects.update(state=DeadLetter.State.DISCARDED)
    assert retention.prune().dropped == {DAY: 3}
    assert not DeadLetter.objects.exists()
    assert not OutboxBatch.objects.exists()
    assert LedgerDay.objects.get(day=DAY).discarded == 1


def test_a_day_that_does_not_add_up_stays(memory: MemorySink) -> None:
    capture()
    delivered("memory")
    OutboxBatch.objects.update(count=2)
    assert "1 event is unexplained in the ledger of Memory" in retention.prune().held[DAY]


@pytest.mark.parametrize("by", ["settings", "row"])
def test_a_sink_that_is_switched_off_holds_nothing(memory: MemorySink, settings: Settings, by: str) -> None:
    settings.SINKS = {
        "memory": memory_configuration(),
        "warehouse": memory_configuration(ENABLED=by == "row"),
    }
    Sink.objects.create(name="warehouse", state=Sink.State.OFF if by == "row" else Sink.State.ENABLED)
    capture()
    delivered("memory")
    assert retention.prune().dropped == {DAY: 3}
    account = LedgerDay.objects.get(sink="warehouse", day=DAY)
    assert (account.captured, account.discarded, account.pending) == (3, 3, 0)
    assert AuditEntry.objects.get(target="warehouse").details == {"events": 3, "day": str(DAY)}
    assert ledger.open_accounts(ledger.close()) == []


def test_a_paused_sink_still_has_its_claim(memory: MemorySink) -> None:
    capture()
    control.pause("memory", by="olive", because="stocktaking")
    assert DAY in retention.prune().held


def test_a_dry_run_says_what_it_would_do_and_does_nothing(memory: MemorySink) -> None:
    capture()
    delivered("memory")
    said = StringIO()
    call_command("prune_events", "--dry-run", stdout=said)
    assert said.getvalue() == f"would drop {DAY}: 3 events\n"
    assert Event.objects.count() == 3
    assert not AuditEntry.objects.exists()


def test_the_command_says_what_it_did(memory: MemorySink) -> None:
    said = StringIO()
    call_command("prune_events", stdout=said)
    assert "no day of the log is past its retention" in said.getvalue()
    capture()
    delivered("memory")
    call_command("prune_events", stdout=said)
    assert f"dropped {DAY}: 3 events" in said.getvalue()
    assert "removed 1 batches, 0 dead letters, 3 event ids" in said.getvalue()


def test_what_a_cut_short_run_left_is_removed_by_the_next(memory: MemorySink) -> None:
    capture()
    delivered("memory")
    partitions.patiently(lambda: retention.drop(DAY))
    assert EventKey.objects.count() == 3
    assert OutboxBatch.objects.count() == 1
    pruned = retention.prune()
    assert (pruned.event_keys, pruned.batches) == (3, 1)


def test_old_rejection_counts_go_too(memory: MemorySink) -> None:
    for hour in (OLD, NOW):
        RejectionCount.objects.create(hour=hour, event_type="cart", code="invalid", pointer="/price", count=2)
    retention.prune()
    assert RejectionCount.objects.get().hour == NOW


def test_dropping_gives_way_to_a_long_query(memory: MemorySink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(partitions, "PAUSE_SECONDS", 0.02)
    capture()
    delivered("memory")
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
    with pytest.raises(OperationalError, match="lock timeout"):
        retention.prune()
    assert not AuditEntry.objects.exists()
    may_end.set()
    reader.join()
    assert retention.prune().dropped == {DAY: 3}


@pytest.mark.parametrize(
    ("day", "name"), [(date(2019, 8, 19), "19 Aug 2019"), (date(NOW.year, 1, 2), "2 Jan")]
)
def test_days_are_named_as_people_say_them(day: date, name: str) -> None:
    assert retention.day_name(day) == name
