"""Back-fill: a sink gets what it once had again, and holds it once."""

import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from capture import control, dead_letters, deliver, events, ingest, ledger
from capture.log import oldest_day
from capture.models import DeadLetter, LedgerDay, OutboxBatch, Sink
from capture.sinks.base import BatchRefused, Refusal, RowsRefused
from capture.sinks.memory import MemorySink
from leafloaf.access.models import AuditEntry
from tests.conftest import memory_configuration


def today() -> date:
    return datetime.now(UTC).date()


def capture(*event_ids: str, received_at: datetime | None = None) -> None:
    for event_id in event_ids:
        ingest.record(events.Search(event_id=event_id, query="milk"), received_at=received_at)


def held(memory: MemorySink) -> Counter[str]:
    return Counter(document["event_id"] for document in memory.records)


def account() -> tuple[int, int, int]:
    """Delivered, pending and dead of all days, in a ledger that closes and agrees with the sink's own counter."""
    found = ledger.close()
    assert ledger.open_accounts(found) == []
    delivered = sum(day.delivered for day in found)
    assert Sink.objects.get().delivered == delivered
    return delivered, sum(day.pending for day in found), sum(day.dead for day in found)


def test_a_store_that_lost_everything_is_filled_again(memory: MemorySink) -> None:
    capture("e-1", "e-2")
    deliver.drain("memory")
    capture("e-3")
    deliver.drain("memory")
    memory.batches.clear()
    assert control.back_fill("memory", by="olive") == control.BackFill("memory", oldest_day(), 2, 3)
    assert account() == (0, 3, 0)
    assert deliver.drain("memory") == 3
    assert account() == (3, 0, 0)
    assert held(memory) == Counter(["e-1", "e-2", "e-3"])


def test_batches_that_are_filled_again_count_as_repeats(memory: MemorySink) -> None:
    capture("e-1")
    deliver.drain("memory")
    control.back_fill("memory", by="olive")
    batch = deliver.claim("memory")
    assert batch is not None
    assert (batch.attempts, batch.delivered_at, batch.recounted_at, batch.held) == (2, None, None, None)


def test_a_dry_run_counts_and_touches_nothing(memory: MemorySink) -> None:
    since = today()
    capture("e-1", "e-2")
    deliver.drain("memory")
    assert control.would_back_fill("memory", since) == control.BackFill("memory", since, 1, 2)
    assert OutboxBatch.objects.get().state == "delivered"
    assert not AuditEntry.objects.exists()


def test_only_days_from_the_given_one_on_are_filled_again(memory: MemorySink) -> None:
    capture("e-1")
    deliver.drain("memory")
    tomorrow = today() + timedelta(days=1)
    assert control.back_fill("memory", tomorrow, by="olive").batches == 0
    assert account() == (1, 0, 0)


def test_a_day_before_the_log_is_refused_with_the_oldest_there_is(memory: MemorySink) -> None:
    capture("e-1")
    deliver.drain("memory")
    oldest = oldest_day()
    with pytest.raises(control.BeforeTheLog, match=str(oldest)):
        control.back_fill("memory", oldest - timedelta(days=1), by="olive")
    assert not AuditEntry.objects.exists()


def test_the_log_begins_with_what_waits_in_the_default_partition(log: None) -> None:
    assert oldest_day() <= today()
    capture("early", received_at=datetime(2001, 2, 3, 4, tzinfo=UTC))
    assert str(oldest_day()) == "2001-02-03"


def test_a_back_fill_is_on_record(memory: MemorySink) -> None:
    since = today()
    capture("e-1")
    deliver.drain("memory")
    control.back_fill("memory", since, by="olive", because="Redis was lost")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("olive", "back-fill sink", "memory")
    assert (entry.reason, entry.details) == (
        "Redis was lost",
        {"since": str(since), "batches": 1, "events": 1},
    )


def test_a_blocked_batch_is_tried_again_too(memory: MemorySink) -> None:
    capture("e-1")
    memory.fail_next(BatchRefused("other content"))
    deliver.drain("memory")
    assert control.back_fill("memory", by="olive").batches == 1
    assert account() == (0, 1, 0)
    assert deliver.drain("memory") == 1
    assert account() == (1, 0, 0)


def test_dead_and_replayed_letters_are_filled_again_once_or_not_at_all(memory: MemorySink) -> None:
    capture("e-1", "e-2", "e-3", "e-4")
    refusals = {f"e-{number}": Refusal("no", {}) for number in (1, 2, 3)}
    memory.fail_next(RowsRefused(refusals))
    deliver.drain("memory")
    dead_letters.replay(dead_letters.found(dead_letters.Wanted(event_ids=["e-1", "e-2"])), by="olive")
    deliver.drain("memory")
    assert account() == (3, 0, 1)

    memory.batches.clear()
    assert control.back_fill("memory", by="olive").events == 3
    assert account() == (0, 3, 1)
    memory.fail_next(RowsRefused({"e-4": Refusal("no more", {})}))
    assert deliver.drain("memory") == 2
    assert account() == (2, 0, 2)
    assert held(memory) == Counter(["e-1", "e-2"])
    assert Counter(DeadLetter.objects.values_list("state", flat=True)) == {"replayed": 2, "dead": 2}


def test_replays_and_back_fills_race_with_workers_and_nothing_is_doubled(
    memory: MemorySink, settings: Settings
) -> None:
    settings.SINKS = {"memory": memory_configuration(BATCH_SIZE=10)}
    ids = [f"e-{number:03}" for number in range(200)]
    capture(*ids)
    no = Refusal("no", {})
    memory.fail_next(*(RowsRefused(dict.fromkeys(part, no)) for part in (ids[:10], ids[10:20])))
    deliver.drain("memory")
    assert account() == (180, 0, 20)
    memory.batches.clear()
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            deliver.drain("memory", budget_seconds=1)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for number, event_id in enumerate(ids[:20]):
        wanted = dead_letters.Wanted(event_ids=[event_id])
        assert dead_letters.replay(dead_letters.found(wanted), by="olive") == 1
        if number % 4 == 0:
            control.back_fill("memory", by="olive")
        assert ledger.open_accounts(ledger.close()) == []
    done.set()
    for worker in workers:
        worker.join()
    deliver.drain("memory")
    assert account() == (200, 0, 0)
    assert held(memory) == Counter(ids)
    assert set(DeadLetter.objects.values_list("state", "attempts")) == {("replayed", 1)}


def test_the_ledger_follows_a_back_fill_of_days_that_had_closed(memory: MemorySink) -> None:
    old = datetime.now(UTC) - timedelta(days=5)
    capture("e-1", received_at=old)
    deliver.drain("memory")
    ledger.close(old.date())
    control.back_fill("memory", by="olive")
    assert account() == (0, 1, 0)
    deliver.drain("memory")
    assert account() == (1, 0, 0)
    assert ledger.close() == [], "the day is no news any more"


@pytest.mark.parametrize("wrong", [{"captured": 5}, {"delivered": 0}])
def test_a_day_that_did_not_add_up_is_counted_anew_however_old(
    memory: MemorySink, wrong: dict[str, int]
) -> None:
    old = datetime.now(UTC) - timedelta(days=5)
    capture("e-1", received_at=old)
    deliver.drain("memory")
    ledger.close(old.date())
    LedgerDay.objects.update(**wrong)
    (counted,) = ledger.close()
    assert (counted.captured, counted.delivered, counted.difference) == (1, 1, 0)
    assert ledger.close() == []
