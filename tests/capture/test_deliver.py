"""Delivery: every fault ends with each event in the store once, or in a dead letter, or still owed."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from capture import deliver, events, ingest, ledger, seal, sinks
from capture.models import DeadLetter, Event, OutboxBatch, Sink
from capture.sinks.base import BatchRefused, Misconfigured, Refusal, RowsRefused, Unavailable
from capture.sinks.memory import MemorySink
from tests.conftest import memory_configuration

pytestmark = pytest.mark.usefixtures("long_rests")


def capture(count: int = 3) -> None:
    for number in range(count):
        ingest.record(events.Search(event_id=f"e-{number}", query="milk"))


def held(memory: MemorySink) -> list[str]:
    return [document["event_id"] for document in memory.records]


def let_it_be_tried_again() -> None:
    Sink.objects.update(available_at=Now())
    OutboxBatch.objects.update(leased_until=datetime.now(UTC) - timedelta(seconds=1))


def test_what_is_due_is_delivered_and_settled(memory: MemorySink) -> None:
    capture(3)
    assert deliver.drain("memory") == 3
    assert held(memory) == ["e-0", "e-1", "e-2"]
    batch = OutboxBatch.objects.get()
    assert (batch.state, batch.attempts, batch.lease_token) == ("delivered", 1, None)
    assert batch.delivered_at is not None


def test_a_sink_that_is_off_is_left_alone(memory: MemorySink, settings: Settings) -> None:
    settings.SINKS = {"memory": memory_configuration(ENABLED=False)}
    capture()
    assert deliver.drain("memory") == 0
    assert not OutboxBatch.objects.exists()


def test_a_sink_switched_on_later_gets_what_it_missed(memory: MemorySink, settings: Settings) -> None:
    settings.SINKS = {"memory": memory_configuration(ENABLED=False)}
    capture(3)
    deliver.drain("memory")
    settings.SINKS = {"memory": memory_configuration()}
    assert deliver.drain("memory") == 3


def test_a_sink_that_is_away_gets_the_same_batch_later(memory: MemorySink) -> None:
    capture(3)
    memory.fail_next(Unavailable("503 for now"))
    assert deliver.drain("memory") == 0
    sink, batch = Sink.objects.get(), OutboxBatch.objects.get()
    assert (sink.failures, sink.last_error, batch.state) == (1, "503 for now", "sealed")
    assert sink.available_at > datetime.now(UTC)
    assert deliver.drain("memory") == 0, "it rests first"
    let_it_be_tried_again()
    assert deliver.drain("memory") == 3
    assert Sink.objects.get().failures == 0
    assert OutboxBatch.objects.get().sequence == batch.sequence


def test_a_sink_that_needs_a_person_is_tried_slowly(memory: MemorySink) -> None:
    capture()
    memory.fail_next(Misconfigured("403 accessDenied"))
    deliver.drain("memory")
    assert Sink.objects.get().available_at > datetime.now(UTC) + timedelta(minutes=4)


def test_a_blocked_batch_holds_up_no_other(memory: MemorySink, settings: Settings) -> None:
    settings.SINKS = {"memory": memory_configuration(BATCH_SIZE=2)}
    capture(4)
    memory.fail_next(BatchRefused("the object exists with other content"))
    assert deliver.drain("memory") == 2
    assert list(OutboxBatch.objects.order_by("sequence").values_list("state", flat=True)) == [
        "blocked",
        "delivered",
    ]
    assert "other content" in OutboxBatch.objects.get(state="blocked").last_error


def test_a_poison_row_becomes_a_dead_letter_and_the_others_arrive_in_the_same_cycle(
    memory: MemorySink,
) -> None:
    capture(500)
    memory.fail_next(RowsRefused({"e-250": Refusal("query: no such thing", [{"reason": "invalid"}])}))
    assert deliver.drain("memory") == 499
    assert "e-250" not in held(memory)
    letter = DeadLetter.objects.get()
    assert (letter.event_id, letter.event_type, letter.state) == ("e-250", "search", "dead")
    assert letter.reason == "query: no such thing"
    assert letter.response == [{"reason": "invalid"}]
    (account,) = ledger.close()
    assert (account.captured, account.delivered, account.dead, account.difference) == (500, 499, 1, 0)


def test_a_batch_of_nothing_but_poison_settles(memory: MemorySink) -> None:
    capture(2)
    memory.fail_next(RowsRefused({f"e-{number}": Refusal("no", {}) for number in range(2)}))
    assert deliver.drain("memory") == 0
    assert OutboxBatch.objects.get().state == "delivered"
    assert ledger.close()[0].difference == 0


def test_poison_found_before_an_outage_is_not_sent_after_it(memory: MemorySink) -> None:
    capture(3)
    memory.fail_next(RowsRefused({"e-1": Refusal("no", {})}), Unavailable("and then away"))
    deliver.drain("memory")
    let_it_be_tried_again()
    assert deliver.drain("memory") == 2
    assert held(memory) == ["e-0", "e-2"]
    assert DeadLetter.objects.count() == 1


def test_a_worker_that_died_leaves_its_batch_to_the_next(memory: MemorySink) -> None:
    capture(3)
    seal.due("memory")
    dead = deliver.claim("memory")
    assert dead is not None
    assert deliver.drain("memory") == 0, "it is leased"
    let_it_be_tried_again()
    assert deliver.drain("memory") == 3
    assert OutboxBatch.objects.get().attempts == 2


def test_a_worker_that_outlived_its_lease_settles_nothing(memory: MemorySink) -> None:
    capture(3)
    seal.due("memory")
    slow = deliver.claim("memory")
    assert slow is not None
    let_it_be_tried_again()
    quick = deliver.claim("memory")
    assert quick is not None
    assert deliver.send(slow) == 0
    assert OutboxBatch.objects.get().state == "sending"
    assert deliver.send(quick) == 3
    assert held(memory) == ["e-0", "e-1", "e-2"]


def test_a_worker_that_outlived_its_lease_buries_nobody(memory: MemorySink) -> None:
    capture(3)
    seal.due("memory")
    slow = deliver.claim("memory")
    assert slow is not None
    OutboxBatch.objects.update(lease_token=uuid4())
    memory.fail_next(RowsRefused({"e-1": Refusal("no", {})}))
    assert deliver.send(slow) == 0
    assert not DeadLetter.objects.exists()


def test_one_sink_away_is_no_news_to_another(memory: MemorySink, settings: Settings) -> None:
    settings.SINKS = {
        "memory": memory_configuration(),
        "other": memory_configuration(OPTIONS={"name": "other"}),
    }
    other = sinks.get("other")
    assert isinstance(other, MemorySink)
    other.batches.clear()
    capture(3)
    memory.fail_next(Unavailable("away"))
    assert (deliver.drain("memory"), deliver.drain("other")) == (0, 3)


def test_a_log_that_lost_what_was_sealed_blocks_the_batch(memory: MemorySink) -> None:
    capture(3)
    seal.due("memory")
    Event.objects.filter(event_id="e-1").delete()
    assert deliver.drain("memory") == 0
    assert "2 of the 3" in OutboxBatch.objects.get(state="blocked").last_error


@pytest.mark.parametrize("name", ["memory"])
def test_the_ledger_closes_while_something_is_owed(memory: MemorySink, name: str) -> None:
    capture(3)
    memory.fail_next(Unavailable("away"))
    deliver.drain(name)
    ingest.record(events.Search(event_id="later", query="milk"))
    (account,) = ledger.close()
    assert (account.captured, account.pending, account.delivered, account.difference) == (4, 4, 0, 0)


def test_the_ledger_shows_an_event_that_sealing_passed_over(memory: MemorySink) -> None:
    capture(3)
    last = Event.objects.order_by("-xid", "-id").first()
    assert last is not None
    Sink.objects.create(name="memory", cursor_xid=last.xid, cursor_id=last.id)
    (account,) = ledger.close()
    assert account.difference == 3
    assert ledger.open_accounts([account]) == [account]
