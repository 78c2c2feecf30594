"""People whose events are erased: made, captured, delivered to sinks that keep everything in a list, and looked for."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from capture import dead_letters, deliver, events, ingest, ledger, log, retention, seal, sinks
from capture.holders.log import EventLogHolder
from capture.models import DeadLetter, Event, OutboxBatch, Sink
from capture.sinks.base import Batch, BatchRefused, Refusal, RowsRefused
from capture.sinks.memory import MemorySink
from privacy.holders import Finding, Plan, Purged, Scope, Task
from privacy.models import Subject
from tests.conftest import memory_configuration

THREE = {
    name: memory_configuration(
        BACKEND="tests.capture.erasing.SlowSink", BATCH_SIZE=size, OPTIONS={"name": name}
    )
    for name, size in (("small", 3), ("middle", 7), ("large", 500))
}


class SlowSink(MemorySink):
    """Takes its time between having been asked and having done it, and remembers how it was asked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seconds = 0.0
        self.asked: list[Batch] = []

    def deliver(self, batch: Batch) -> None:
        self.asked.append(batch)
        time.sleep(self.seconds)
        super().deliver(batch)


def emptied() -> None:
    """The sinks are the process's own and outlive a test."""
    for name in THREE:
        sink = slow(name)
        sink.batches.clear()
        sink.asked.clear()
        sink.seconds = 0.0


def slow(name: str) -> SlowSink:
    sink = sinks.get(name)
    assert isinstance(sink, SlowSink)
    return sink


def say(user_id: str | None, event_id: str, session_id: str | None = None) -> None:
    event = events.Search(
        event_id=event_id, query=f"milk for {user_id}", user_id=user_id, session_id=session_id
    )
    assert ingest.record(event).accepted == 1


def mix(first: int = 0, count: int = 12) -> None:
    """Events of Ann, Bob and nobody in turn."""
    for number in range(first, first + count):
        user_id = ("ann", "bob", None)[number % 3]
        say(user_id, f"{user_id}-{number}")


def subject(user_id: str = "ann") -> UUID:
    return Subject.objects.get(user_id=user_id).id


def scope(user_id: str = "ann", **limits: Any) -> Scope:
    return Scope(subject(user_id), tuple(EventLogHolder().sessions(subject(user_id))), **limits)


def task(of: Scope, plan: Plan | None = None) -> Task:
    return Task(of, plan or EventLogHolder().plan(of), datetime.now(UTC))


def erase(of: Scope) -> tuple[Purged, Finding]:
    """Once; and what a reader finds then."""
    planned = task(of)
    (purged,) = EventLogHolder().erase([planned])
    return purged, EventLogHolder().verify(planned)


def erase_to_the_end(of: Scope, seconds: float = 60.0) -> Finding:
    planned = task(of)
    deadline = time.monotonic() + seconds
    while EventLogHolder().erase([planned])[0].again_at:
        assert time.monotonic() < deadline, "something stays in flight"
        time.sleep(0.05)
    return EventLogHolder().verify(planned)


def logged() -> Counter[str]:
    return Counter(Event.objects.values_list("event_id", flat=True))


def held(name: str) -> Counter[str]:
    return Counter(document["event_id"] for document in slow(name).records)


def rested() -> None:
    """Every sink may be tried again, and every lease has run out."""
    Sink.objects.update(available_at=Now(), last_error_at=None)
    OutboxBatch.objects.update(
        leased_until=datetime.now(UTC) - timedelta(seconds=1), available_at=Now(), recalled_until=None
    )


def drained() -> None:
    for name in THREE:
        while deliver.drain(name, is_final=True):
            pass


def assert_sound() -> None:
    """Every batch reads back, every account closes, and the sinks have counted what they were delivered."""
    for batch in OutboxBatch.objects.all():
        log.read(batch)
    assert ledger.open_accounts(ledger.close()) == []
    for sink in Sink.objects.all():
        batches = OutboxBatch.objects.filter(sink=sink.name, state="delivered")
        assert sink.delivered == sum(batch.count - batch.excluded for batch in batches), sink.name


def assert_the_account_closes() -> None:
    """In one snapshot, whoever writes meanwhile."""
    today = datetime.now(UTC).date()
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        accounts = [retention.account(name, today) for name in THREE]
    assert [account.difference for account in accounts] == [0, 0, 0], accounts


def in_every_state() -> None:
    """Batches delivered, blocked, being sent, sealed and unsealed; dead letters of every state: Ann is in all."""
    mix(0)
    slow("small").fail_next(BatchRefused("not so"))
    refusals = {name: Refusal(f"no {name}", {"said": name}) for name in ("ann-0", "bob-1", "ann-3", "None-5")}
    slow("middle").fail_next(RowsRefused(refusals))
    drained()
    letters = DeadLetter.objects.filter(sink="middle")
    assert letters.count() == 4
    dead_letters.replay(letters.filter(event_id__in=["ann-3", "None-5"]), by="test")
    drained()
    dead_letters.discard(letters.filter(event_id="ann-0"), by="test", because="so it is")
    mix(12)
    slow("large").fail_next(RowsRefused({"ann-12": Refusal("no", {}), "bob-13": Refusal("no", {})}))
    deliver.drain("large")
    letters = DeadLetter.objects.filter(sink="large")
    dead_letters.replay(letters, by="test")
    dead_letters.gather("large")
    for name in ("small", "middle"):
        seal.due(name, is_final=True)
    assert deliver.claim("small") is not None
    mix(24)
