"""Dead letters: found, tried again without a duplicate, or given up for a reason; the ledger closes all along."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings

from capture import control, dead_letters, deliver, events, ingest, ledger, log, notices, rebase, seal
from capture.dead_letters import Wanted
from capture.models import DeadLetter, Event, OutboxBatch, Sink
from capture.sinks.base import Batch, Refusal, RowsRefused, Unavailable
from capture.sinks.memory import MemorySink
from leafloaf.access.models import AuditEntry
from tests.conftest import memory_configuration

pytestmark = pytest.mark.usefixtures("long_rests")


def refused(memory: MemorySink, *event_ids: str, reason: str = "no such field") -> None:
    """These events are captured and become dead letters of one batch."""
    for event_id in event_ids:
        ingest.record(events.Search(event_id=event_id, query="milk"))
    memory.fail_next(
        RowsRefused({event_id: Refusal(reason, {"reason": "invalid"}) for event_id in event_ids})
    )
    deliver.drain("memory")


def held(memory: MemorySink) -> Counter[str]:
    return Counter(document["event_id"] for document in memory.records)


def replay(**wanted: object) -> int:
    return dead_letters.replay(dead_letters.found(Wanted(**wanted)), by="olive", because="mended")  # type: ignore[arg-type]


def account() -> tuple[int, int, int, int]:
    """Delivered, pending, dead and discarded, in a ledger that closes and agrees with the sink's own counter."""
    (found,) = ledger.close()
    assert found.difference == 0
    sink = Sink.objects.filter(name="memory").first() or Sink()
    assert sink.delivered == found.delivered
    return found.delivered, found.pending, found.dead, found.discarded


def let_it_be_tried_again() -> None:
    Sink.objects.update(available_at=Now())
    OutboxBatch.objects.update(leased_until=datetime.now(UTC) - timedelta(seconds=1))


def test_replayed_letters_arrive_once_in_a_batch_of_their_own(memory: MemorySink) -> None:
    refused(memory, "e-1", "e-2")
    ingest.record(events.Search(event_id="e-3", query="milk"))
    deliver.drain("memory")
    assert account() == (1, 0, 2, 0)

    assert replay(sink="memory") == 2
    assert account() == (1, 2, 0, 0)
    assert dead_letters.gather("memory") == 1
    assert account() == (1, 2, 0, 0)
    assert deliver.drain("memory") == 2
    assert account() == (3, 0, 0, 0)

    assert held(memory) == Counter(["e-1", "e-2", "e-3"])
    batch = OutboxBatch.objects.get(is_replay=True)
    assert (batch.label, batch.count, batch.state) == ("memory-3", 2, "delivered")
    assert {letter.replay_batch_id for letter in DeadLetter.objects.all()} == {batch.id}
    letter = DeadLetter.objects.first()
    assert letter is not None
    assert (letter.state, letter.resolved_by, letter.resolution) == ("replayed", "olive", "mended")


def test_who_replayed_what_and_why_is_on_record(memory: MemorySink) -> None:
    refused(memory, "e-1", "e-2")
    replay(sink="memory")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("olive", "replay dead letters", "memory")
    assert (entry.reason, entry.details) == ("mended", {"count": 2})


def test_a_letter_is_replayed_by_one_person_only(memory: MemorySink) -> None:
    refused(memory, "e-1")
    letters = dead_letters.found(Wanted())
    assert dead_letters.replay(letters, by="olive") == 1
    assert dead_letters.replay(DeadLetter.objects.all(), by="basil") == 0
    assert dead_letters.discard(DeadLetter.objects.all(), by="basil", because="old") == 0
    assert AuditEntry.objects.count() == 1


def test_nothing_is_replayed_when_nothing_is_meant(memory: MemorySink) -> None:
    refused(memory, "e-1")
    assert replay(sink="memory", reason="another") == 0
    assert not AuditEntry.objects.exists()


def test_a_row_refused_again_is_the_same_letter_tried_once_more(memory: MemorySink) -> None:
    refused(memory, "e-1", "e-2", "e-3")
    replay(sink="memory")
    memory.fail_next(RowsRefused({"e-2": Refusal("too large", {"code": 413})}))
    assert deliver.drain("memory") == 2
    assert account() == (2, 0, 1, 0)
    letter = DeadLetter.objects.get(state="dead")
    assert (letter.event_id, letter.reason, letter.attempts) == ("e-2", "too large", 2)
    assert (letter.replay_batch, letter.resolved_at, letter.resolution) == (None, None, "")
    assert DeadLetter.objects.count() == 3
    assert replay(sink="memory") == 1
    assert deliver.drain("memory") == 1
    assert held(memory) == Counter(["e-1", "e-2", "e-3"])
    assert account() == (3, 0, 0, 0)


def test_a_replay_of_nothing_but_poison_settles(memory: MemorySink) -> None:
    refused(memory, "e-1")
    replay(sink="memory")
    memory.fail_next(RowsRefused({"e-1": Refusal("still no", {})}))
    assert deliver.drain("memory") == 0
    assert account() == (0, 0, 1, 0)
    assert set(OutboxBatch.objects.values_list("state", flat=True)) == {"delivered"}


def test_poison_found_in_a_replay_before_an_outage_is_not_sent_after_it(memory: MemorySink) -> None:
    refused(memory, "e-1", "e-2", "e-3")
    replay(sink="memory")
    memory.fail_next(RowsRefused({"e-1": Refusal("no", {})}), Unavailable("and then away"))
    deliver.drain("memory")
    assert account() == (0, 2, 1, 0)
    let_it_be_tried_again()
    assert deliver.drain("memory") == 2
    assert account() == (2, 0, 1, 0)
    assert held(memory) == Counter(["e-2", "e-3"])


def test_a_worker_that_died_leaves_the_same_replay_batch(memory: MemorySink) -> None:
    refused(memory, "e-1", "e-2")
    replay(sink="memory")
    dead_letters.gather("memory")
    dead = deliver.claim("memory")
    assert dead is not None
    memory.deliver(Batch(dead.label, dead.object_name, log.read(dead)))
    assert account() == (0, 2, 0, 0), "it was stored, and nobody settled it"
    let_it_be_tried_again()
    assert deliver.drain("memory") == 2
    assert held(memory) == Counter(["e-1", "e-2"])
    assert account() == (2, 0, 0, 0)
    assert deliver.send(dead) == 0


def test_a_worker_that_outlived_its_lease_buries_nobody_again(memory: MemorySink) -> None:
    refused(memory, "e-1", "e-2")
    replay(sink="memory")
    dead_letters.gather("memory")
    slow = deliver.claim("memory")
    assert slow is not None
    let_it_be_tried_again()
    quick = deliver.claim("memory")
    assert quick is not None
    memory.fail_next(RowsRefused({"e-1": Refusal("no", {})}))
    deliver.send(slow)
    assert not DeadLetter.objects.filter(state="dead").exists()
    assert deliver.send(quick) == 2


def test_ten_thousand_are_replayed_once_each_although_gathering_was_cut_short(
    memory: MemorySink, settings: Settings
) -> None:
    ids = [f"e-{number}" for number in range(10_000)]
    for start in range(0, len(ids), 500):
        bodies = [
            {"event_type": "search", "event_id": event_id, "query": "x"} for event_id in ids[start:][:500]
        ]
        ingest.accept([msgspec.json.encode(body) for body in bodies])
    # The parts are refused in the order of the log, which is that of the ids.
    parts = [ids[start : start + 500] for start in range(0, len(ids), 500)]
    memory.fail_next(*(RowsRefused({event_id: Refusal("no", {}) for event_id in part}) for part in parts))
    deliver.drain("memory", budget_seconds=600)
    assert account() == (0, 0, 10_000, 0)

    settings.SINKS = {"memory": memory_configuration(BATCH_SIZE=100)}
    assert replay(sink="memory") == 10_000
    assert dead_letters._gather_some("memory") == seal.BATCHES_AT_ONCE
    with transaction.atomic():
        dead_letters.gather("memory")
        transaction.set_rollback(True)  # as the database leaves it when the worker is killed here
    assert account() == (0, 10_000, 0, 0)
    assert OutboxBatch.objects.filter(is_replay=True).count() == seal.BATCHES_AT_ONCE
    memory.fail_next(Unavailable("away in between"))
    deliver.drain("memory")
    assert account() == (0, 10_000, 0, 0)
    let_it_be_tried_again()
    assert deliver.drain("memory", budget_seconds=600) == 10_000
    assert held(memory) == Counter(ids)
    assert account() == (10_000, 0, 0, 0)


def test_a_replay_batch_never_spans_two_days(memory: MemorySink) -> None:
    refused(memory, "e-1")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    ingest.record(events.Search(event_id="e-2", query="milk"), received_at=tomorrow)
    seal.due("memory", now=tomorrow)
    memory.fail_next(RowsRefused({"e-2": Refusal("no", {})}))
    deliver.drain("memory")
    assert replay(sink="memory") == 2
    assert deliver.drain("memory") == 2
    batches = OutboxBatch.objects.filter(is_replay=True).order_by("day")
    assert [(batch.count, batch.day) for batch in batches] == [
        (1, datetime.now(UTC).date()),
        (1, tomorrow.date()),
    ]


@pytest.mark.parametrize("rest", [control.pause, control.off])
def test_a_sink_at_rest_replays_when_it_goes_on(memory: MemorySink, rest: object) -> None:
    assert callable(rest)
    refused(memory, "e-1")
    rest("memory", by="olive")
    replay(sink="memory")
    assert deliver.drain("memory") == 0
    assert not OutboxBatch.objects.filter(is_replay=True).exists()
    assert account() == (0, 1, 0, 0)
    control.on("memory", by="olive")
    assert deliver.drain("memory") == 1


def test_nothing_is_gathered_while_the_log_is_another_clusters(memory: MemorySink) -> None:
    """Its next numbers may be those of batches that the stores have already had from there."""
    refused(memory, "e-1")
    replay(sink="memory")
    notices.replace(rebase.KIND, [rebase.SENTENCE])
    assert dead_letters.gather("memory") == 0
    notices.replace(rebase.KIND, [])
    assert dead_letters.gather("memory") == 1


def test_a_letter_whose_event_has_left_the_log_stays_dead_and_says_so(memory: MemorySink) -> None:
    refused(memory, "e-1", "e-2")
    Event.objects.filter(event_id="e-1").delete()
    replay(sink="memory")
    assert deliver.drain("memory") == 1
    letter = DeadLetter.objects.get(state="dead")
    assert (letter.event_id, letter.reason) == ("e-1", "no such field")
    assert "can only be discarded" in letter.resolution


def test_a_replay_batch_whose_events_have_left_the_log_is_blocked(memory: MemorySink) -> None:
    refused(memory, "e-1", "e-2")
    replay(sink="memory")
    dead_letters.gather("memory")
    Event.objects.filter(event_id="e-1").delete()
    assert deliver.drain("memory") == 0
    assert "1 of the 2" in OutboxBatch.objects.get(state="blocked").last_error


def test_discarding_needs_a_reason(memory: MemorySink) -> None:
    refused(memory, "e-1")
    with pytest.raises(dead_letters.ReasonMissing):
        dead_letters.discard(dead_letters.found(Wanted()), by="olive", because="  ")
    assert DeadLetter.objects.get().state == "dead"


def test_a_discarded_letter_is_accounted_for_and_never_sent(memory: MemorySink) -> None:
    refused(memory, "e-1", "e-2")
    letters = dead_letters.found(Wanted(event_ids=["e-1"]))
    assert dead_letters.discard(letters, by="olive", because="a test of the app") == 1
    assert account() == (0, 0, 1, 1)
    letter = DeadLetter.objects.get(state="discarded")
    assert (letter.event_id, letter.resolved_by, letter.resolution) == ("e-1", "olive", "a test of the app")
    assert replay() == 1
    deliver.drain("memory")
    assert held(memory) == Counter(["e-2"])
    assert [entry.action for entry in AuditEntry.objects.order_by("id")] == [
        "discard dead letters",
        "replay dead letters",
    ]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Wanted(), {"e-1", "e-2", "e-3"}),
        (Wanted(sink="redis"), set()),
        (Wanted(reason="no such field: a"), {"e-1"}),
        (Wanted(reason="no such field"), set()),
        (Wanted(reason="no such field*"), {"e-1", "e-2"}),
        (Wanted(event_type="search"), {"e-1", "e-2", "e-3"}),
        (Wanted(event_type="cart"), set()),
        (Wanted(event_ids=["e-2", "e-9"]), {"e-2"}),
        (Wanted(first_day=datetime.now(UTC).date() + timedelta(days=2)), set()),
        (Wanted(last_day=datetime.now(UTC).date() - timedelta(days=2)), set()),
    ],
)
def test_letters_are_found_by_what_they_have_in_common(
    memory: MemorySink, wanted: Wanted, ids: set[str]
) -> None:
    refused(memory, "e-1", reason="no such field: a")
    refused(memory, "e-2", reason="no such field: b")
    refused(memory, "e-3", reason="too large")
    assert {letter.event_id for letter in dead_letters.found(wanted)} == ids


def test_letters_are_counted_by_reason_in_the_sinks_own_words(memory: MemorySink) -> None:
    refused(memory, "e-1", reason="too large")
    refused(memory, "e-2", "e-3", reason="dietry_marks: no such field")
    counted = dead_letters.by_reason(dead_letters.found(Wanted(sink="memory")))
    assert [(reason.count, reason.reason, reason.event_types) for reason in counted] == [
        (2, "dietry_marks: no such field", ["search"]),
        (1, "too large", ["search"]),
    ]
