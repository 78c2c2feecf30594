"""Dead letters: found by what they have in common, tried again, or given up.

Invariants:
* A letter leaves `dead` in the transaction that records who wanted it, and why.
* A letter to be replayed is pending from then on and gets into one replay batch, which is sealed, claimed, delivered
  and settled as any other: whoever dies, the next one finds the same batch, or letters still to be gathered.
* A row that is refused again leaves its replay batch and is the same dead letter as before, tried once more.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection, transaction
from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import Now

from capture import rebase, seal
from capture.log import checksum
from capture.models import DeadLetter, OutboxBatch, Sink
from capture.partitions import start_of
from capture.records import Record
from capture.sinks.base import Refusal
from leafloaf.access import audit

STATES = DeadLetter.State
GONE = "The log no longer holds the event: it can only be discarded."
ANY_END = "*"
RESOLVED_AT_ONCE = 5000
MOST_COUNTED = 10_000
"""Letters that a question counts before it says that there are more."""

PLACES = """
    SELECT xid, id, event_id, received_at
    FROM capture_event
    WHERE (xid, id) >= (%s, %s) AND (xid, id) <= (%s, %s) AND received_at >= %s AND received_at < %s
      AND event_id = ANY(%s)
    ORDER BY xid, id
"""


class Position(NamedTuple):
    """One event's place in the log."""

    xid: int
    id: int
    event_id: str
    received_at: datetime


class ReasonMissing(ValueError):
    """Nothing is given up without a word of why."""


@dataclass(frozen=True)
class Wanted:
    """Which dead letters are meant; what is left out means any.

    `reason` is in the sink's own words, whole, or only how it begins when it ends in an asterisk.
    """

    sink: str = ""
    event_type: str = ""
    reason: str = ""
    first_day: date | None = None
    last_day: date | None = None
    event_ids: Sequence[str] = ()


@dataclass(frozen=True)
class Reason:
    """Dead letters of one sink that were refused in the same words."""

    sink: str
    reason: str
    count: int
    latest_at: datetime
    event_types: Sequence[str]


@dataclass(frozen=True)
class Counted:
    """Letters as a question says them, at most `MOST_COUNTED`; `others` are not dead any more, and left alone."""

    dead: int
    others: int
    reasons: list[Reason]
    is_cut: bool


def found(wanted: Wanted) -> QuerySet[DeadLetter]:
    """The letters that are dead and meant."""
    exact = {"sink": wanted.sink, "event_type": wanted.event_type}
    if wanted.reason.endswith(ANY_END):
        exact["reason__startswith"] = wanted.reason.removesuffix(ANY_END)
    else:
        exact["reason"] = wanted.reason
    conditions = Q(state=STATES.DEAD) & Q(**{name: value for name, value in exact.items() if value})
    if wanted.first_day:
        conditions &= Q(day__gte=wanted.first_day)
    if wanted.last_day:
        conditions &= Q(day__lte=wanted.last_day)
    if wanted.event_ids:
        conditions &= Q(event_id__in=wanted.event_ids)
    return DeadLetter.objects.filter(conditions)


def by_reason(letters: QuerySet[DeadLetter]) -> list[Reason]:
    """The letters counted by sink and reason, the most frequent first."""
    counted = (
        letters.order_by()
        .values_list("sink", "reason")
        .annotate(
            count=Count("id"), latest_at=Max("created_at"), event_types=ArrayAgg("event_type", distinct=True)
        )
    )
    return [Reason(*row) for row in counted.order_by("-count", "sink", "reason")]


def counted(letters: QuerySet[DeadLetter]) -> Counted:
    """What a replay or a discard of these would come to, as far as it is counted."""
    some = DeadLetter.objects.filter(id__in=letters.order_by().values("id")[:MOST_COUNTED])
    states = dict(some.order_by().values_list("state").annotate(count=Count("id")))
    reasons = by_reason(some.filter(state=STATES.DEAD))
    dead = sum(reason.count for reason in reasons)
    return Counted(dead, sum(states.values()) - dead, reasons, is_cut=sum(states.values()) >= MOST_COUNTED)


def newest() -> int:
    """The number of the latest letter: what a question is about has died by then."""
    return DeadLetter.objects.order_by("-id").values_list("id", flat=True).first() or 0


def replay(letters: QuerySet[DeadLetter], *, by: str, because: str = "") -> int:
    """Has the dead ones of these tried again, whatever their reason; returns how many.

    Args:
        by: the name of a member of staff, or a command.
    """
    return _resolve(letters, STATES.PENDING, "replay dead letters", by, because)


def discard(letters: QuerySet[DeadLetter], *, by: str, because: str) -> int:
    """Gives the dead ones of these up: the sink will never hold them. Returns how many.

    Raises:
        ReasonMissing: see there.
    """
    if not because.strip():
        raise ReasonMissing("Say why these events are given up: it is kept with them.")
    return _resolve(letters, STATES.DISCARDED, "discard dead letters", by, because.strip())


@transaction.atomic
def _resolve(letters: QuerySet[DeadLetter], state: str, action: str, by: str, because: str) -> int:
    found: defaultdict[str, list[int]] = defaultdict(list)
    # Locked in order, as others lock many.
    chosen = letters.filter(state=STATES.DEAD).order_by("id").select_for_update()
    for sink, key in chosen.values_list("sink", "id"):
        found[sink].append(key)
    resolved = {"state": state, "resolved_at": Now(), "resolved_by": by, "resolution": because}
    total = 0
    for sink, keys in found.items():
        # By its own ids, not by a sub-query: a plan for many rows that died a moment ago can be a bad one.
        parts = [keys[start : start + RESOLVED_AT_ONCE] for start in range(0, len(keys), RESOLVED_AT_ONCE)]
        count = sum(
            DeadLetter.objects.filter(id__in=part, state=STATES.DEAD).update(**resolved) for part in parts
        )
        if count:
            audit.record(by, action, sink, reason=because, count=count)
        total += count
    return total


def gather(name: str) -> int:
    """Seals what waits to be replayed for one sink in batches of its own; returns how many batches.

    A transaction each for a few of them: whoever is stopped half-way leaves the rest to the next.
    """
    made = 0
    while some := _gather_some(name):
        made += some
    return made


def _gather_some(name: str) -> int:
    if not _waiting(name).exists() or rebase.is_due():
        return 0
    with transaction.atomic():
        sink = seal.locked(name)
        if sink is None or sink.state != Sink.State.ENABLED:
            return 0
        size: int = settings.SINKS[name]["BATCH_SIZE"]
        # In the order of the log, so that a batch's events lie close together and are found by a short walk.
        waiting = _waiting(name).order_by("day", "batch__sequence", "id").select_related("batch")
        parts = _parts(list(waiting[: size * seal.BATCHES_AT_ONCE]), size)
        for part in parts:
            _seal(sink, part)
        Sink.objects.filter(name=name).update(next_sequence=sink.next_sequence)
    return len(parts)


def _waiting(name: str) -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(sink=name, state=STATES.PENDING, replay_batch=None)


def _parts(letters: list[DeadLetter], size: int) -> list[list[DeadLetter]]:
    """The letters cut into batches of one day each, at most `size`."""
    days = [list(day) for _, day in groupby(letters, key=lambda letter: letter.day)]
    return [day[start : start + size] for day in days for start in range(0, len(day), size)]


def _seal(sink: Sink, letters: list[DeadLetter]) -> None:
    """Makes one replay batch of the letters whose events the log still holds; the others stay dead."""
    events = _events(letters)
    ids = {event.event_id for event in events}
    gone = [letter.id for letter in letters if letter.event_id not in ids]
    DeadLetter.objects.filter(id__in=gone).update(state=STATES.DEAD, resolution=GONE)
    if events:
        batch = seal.batch(sink, _part(letters[0].day, events), datetime.now(UTC))
        batch.is_replay = True
        batch.save()
        held = [letter.id for letter in letters if letter.event_id in ids]
        DeadLetter.objects.filter(id__in=held).update(replay_batch=batch)


def _part(day: date, events: list[Position]) -> seal.Part:
    first, last = events[0], events[-1]
    summed = checksum(event.event_id for event in events)
    oldest = min(event.received_at for event in events)
    return seal.Part(
        day, first.xid, first.id, last.xid, last.id, len(events), summed, oldest, last.received_at
    )


def _events(letters: list[DeadLetter]) -> list[Position]:
    """Where the letters' events stand: somewhere in the ranges of the batches that they left."""
    day = start_of(letters[0].day)
    batches = [letter.batch for letter in letters]
    first_xid, first_id = min((batch.first_xid, batch.first_id) for batch in batches)
    last_xid, last_id = max((batch.last_xid, batch.last_id) for batch in batches)
    bounds: list[Any] = [str(first_xid), first_id, str(last_xid), last_id, day, day + timedelta(days=1)]
    with connection.cursor() as cursor:
        cursor.execute(PLACES, [*bounds, [letter.event_id for letter in letters]])
        return [Position(int(xid), *rest) for xid, *rest in cursor.fetchall()]


def settle(batch: OutboxBatch) -> None:
    """Marks a replay batch's letters replayed, in the transaction that marks the batch delivered."""
    letters = DeadLetter.objects.filter(replay_batch=batch, state=STATES.PENDING)
    letters.update(state=STATES.REPLAYED, resolved_at=Now())


def bury(batch: OutboxBatch, records: Sequence[Record], refusals: Mapping[str, Refusal]) -> None:
    """Writes a dead letter for each refused row of a batch."""
    types = {record.event_id: record.event_type for record in records}
    DeadLetter.objects.bulk_create(
        DeadLetter(
            batch=batch,
            sink=batch.sink,
            day=batch.day,
            event_id=event_id,
            event_type=types[event_id],
            reason=refusal.reason,
            response=refusal.response,
        )
        for event_id, refusal in refusals.items()
    )


def bury_again(batch: OutboxBatch, records: Sequence[Record], refusals: Mapping[str, Refusal]) -> None:
    """Makes the letters of refused rows dead again, with the new reason, and takes them out of the replay batch."""
    letters = list(DeadLetter.objects.filter(replay_batch=batch, event_id__in=refusals))
    for letter in letters:
        refusal = refusals[letter.event_id]
        letter.reason, letter.response = refusal.reason, refusal.response
    DeadLetter.objects.bulk_update(letters, ["reason", "response"])
    DeadLetter.objects.filter(id__in=[letter.id for letter in letters]).update(
        state=STATES.DEAD,
        attempts=F("attempts") + 1,
        replay_batch=None,
        resolved_at=None,
        resolved_by="",
        resolution="",
    )
    left = checksum(record.event_id for record in records if record.event_id not in refusals)
    OutboxBatch.objects.filter(id=batch.id).update(checksum=left)
