"""Re-making: events leave the log, and every batch that had them becomes one that never did.

Invariants:
* Events, their dead letters, and what batches, sinks and the ledger's stored days say of them go in one transaction:
  the account closes in every snapshot.
* Nobody seals, gathers, settles or back-fills meanwhile: all of them lock their sink's row before anything else.
* A batch that is being sent is taken from its worker, who can settle nothing from then on. Nobody else gets it until
  the lease has ended, or the worker says that it is done (`deliver.let_go`).
* A batch that the log did not hold as it was sealed does not become whole by this.
* What an event's key was taken for is forgotten; that it is taken is not.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Max
from django.db.models.functions import Now

from capture import log, sinks
from capture.event_keys import ERASED, key_of
from capture.models import DeadLetter, EventKey, LedgerDay, OutboxBatch, Sink
from capture.partitions import start_of
from capture.sinks.base import TIMEOUT_SECONDS
from leafloaf.lib import statements

STATES = OutboxBatch.State
SIDES = ("delivered", "pending", "dead", "discarded")
ON_ITS_WAY = timedelta(seconds=TIMEOUT_SECONDS)
"""How long a request that nobody waits for any more may still reach its store."""
NOT_WHOLE = ""
"""The checksum of a batch that could not be read back before either; no events have this one."""

# Whoever renumbers the log (`capture.rebase`) closes it before the sinks.
OPEN_LOG = "LOCK TABLE ONLY capture_event IN ROW EXCLUSIVE MODE"
HOLDING = """
    SELECT id FROM capture_outboxbatch AS batch
    WHERE day = %(day)s
      AND (last_xid, last_id) >= (%(first_xid)s::text::xid8, %(first_id)s)
      AND (first_xid, first_id) <= (%(last_xid)s::text::xid8, %(last_id)s)
      AND EXISTS (
        SELECT FROM unnest(%(xids)s::text[]::xid8[], %(ids)s::bigint[]) AS gone (xid, id)
        WHERE (gone.xid, gone.id) >= (batch.first_xid, batch.first_id)
          AND (gone.xid, gone.id) <= (batch.last_xid, batch.last_id))
    ORDER BY id FOR NO KEY UPDATE
"""
DELETE = """
    DELETE FROM capture_event AS event USING unnest(%(xids)s::text[]::xid8[], %(ids)s::bigint[]) AS gone (xid, id)
    WHERE event.xid = gone.xid AND event.id = gone.id
      AND received_at >= %(start)s AND received_at < %(end)s
    RETURNING event.id
"""
REMAKE = """
    UPDATE capture_outboxbatch AS batch
    SET count = remade.count, excluded = remade.excluded, checksum = remade.checksum,
        remade_at = now(), recounted_at = NULL, held = NULL
    FROM unnest(%(ids)s::bigint[], %(counts)s::integer[], %(excluded)s::integer[], %(checksums)s::text[])
      AS remade (id, count, excluded, checksum)
    WHERE batch.id = remade.id
"""


class Position(NamedTuple):
    """One event's place in the log."""

    xid: int
    id: int
    event_id: str


@dataclass
class Share:
    """What one batch had of the events that go: how many, and how many of those had left it as dead letters."""

    batch: OutboxBatch
    events: list[str]
    excluded: int

    @property
    def sent(self) -> int:
        return len(self.events) - self.excluded


def hold_still() -> dict[str, Sink]:
    """Locks what erasing changes, in the order in which everybody locks it; to be called first in the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN_LOG)
    unsealed = [Sink(name=name) for name in settings.SINKS if sinks.is_enabled(name)]
    Sink.objects.bulk_create(unsealed, ignore_conflicts=True)
    return {sink.name: sink for sink in Sink.objects.select_for_update(no_key=True).order_by("name")}


def without(day: date, events: Sequence[Position], held: Mapping[str, Sink]) -> None:
    """Erases these events, in the order of the log and all of that UTC day, and whatever says that they were there.

    Args:
        held: what `hold_still` returned in this transaction.
    """
    batches = _holding(day, events)
    members = log.members(batches)
    events = _deleted(day, events)
    letters = _letters(batches, events)
    shares = [_share(batch, events, letters) for batch in batches]
    _remake([share for share in shares if share.events], members)
    _recall([share.batch for share in shares if share.events], held)
    _take_off(shares, day, len(events), letters)
    DeadLetter.objects.filter(id__in=[letter.id for letter in letters]).delete()
    keys = [UUID(bytes=key_of(event.event_id)) for event in events]
    EventKey.objects.filter(key__in=keys).update(digest=UUID(bytes=ERASED))


def in_flight_until() -> datetime | None:
    """Until when something that was erased may still be on its way to a store; None when nothing is."""
    recalled = OutboxBatch.objects.filter(recalled_until__gt=Now())
    until: datetime | None = recalled.aggregate(until=Max("recalled_until"))["until"]
    return until


def _holding(day: date, events: Sequence[Position]) -> list[OutboxBatch]:
    """The batches, of any sink, whose range has one of these events; locked."""
    first, last = events[0], events[-1]
    span = {"first_xid": str(first.xid), "first_id": first.id, "last_xid": str(last.xid), "last_id": last.id}
    ids = [key for (key,) in statements.fetch(HOLDING, _places(events) | span | {"day": day})]
    return list(OutboxBatch.objects.filter(id__in=ids).order_by("id"))


def _deleted(day: date, events: Sequence[Position]) -> list[Position]:
    bounds = {"start": start_of(day), "end": start_of(day + timedelta(days=1))}
    gone = {key for (key,) in statements.fetch(DELETE, _places(events) | bounds)}
    return [event for event in events if event.id in gone]


def _places(events: Iterable[Position]) -> dict[str, Any]:
    places = list(events)
    return {"xids": [str(event.xid) for event in places], "ids": [event.id for event in places]}


def _letters(batches: Iterable[OutboxBatch], events: Iterable[Position]) -> list[DeadLetter]:
    """The dead letters of the events, in whatever state; locked."""
    found = DeadLetter.objects.filter(
        batch__in=[batch.id for batch in batches], event_id__in=[event.event_id for event in events]
    )
    return list(found.order_by("id").select_for_update())


def _share(batch: OutboxBatch, events: Iterable[Position], letters: Iterable[DeadLetter]) -> Share:
    if batch.is_replay:
        return Share(batch, [one.event_id for one in letters if one.replay_batch_id == batch.id], 0)
    first, last = (batch.first_xid, batch.first_id), (batch.last_xid, batch.last_id)
    own = [event.event_id for event in events if first <= (event.xid, event.id) <= last]
    return Share(batch, own, sum(letter.batch_id == batch.id for letter in letters))


def _remake(shares: Sequence[Share], members: Mapping[int, Sequence[str]]) -> None:
    """Stores what the batches hold from now on; `members` is what they held."""
    for share in shares:
        batch, gone = share.batch, set(share.events)
        left = [event_id for event_id in members[batch.id] if event_id not in gone]
        batch.checksum = log.checksum(left) if log.is_whole(batch, members[batch.id]) else NOT_WHOLE
        batch.count = max(0, batch.count - len(share.events))
        batch.excluded = max(0, batch.excluded - share.excluded)
    batches = [share.batch for share in shares]
    values = {
        "ids": [batch.id for batch in batches],
        "counts": [batch.count for batch in batches],
        "excluded": [batch.excluded for batch in batches],
        "checksums": [batch.checksum for batch in batches],
    }
    statements.fetch(REMAKE, values)


def _recall(batches: Iterable[OutboxBatch], held: Mapping[str, Sink]) -> None:
    """Takes from its worker what is being sent, and notes how long something may still be on its way."""
    now = datetime.now(UTC)
    for batch in batches:
        if batch.state == STATES.SENDING and batch.leased_until:
            until = batch.leased_until + ON_ITS_WAY
            batch.state, batch.available_at = STATES.SEALED, batch.leased_until
            batch.recalled_token, batch.lease_token, batch.leased_until = batch.lease_token, None, None
        elif (failed_at := _failed_at(batch, held[batch.sink])) and failed_at + ON_ITS_WAY > now:
            until = failed_at + ON_ITS_WAY
        else:
            continue
        batch.recalled_until = max(until, batch.recalled_until or until)
        batch.save(update_fields=RECALLED)


def _failed_at(batch: OutboxBatch, sink: Sink) -> datetime | None:
    """When, at the latest, a request with the batch failed, which may only have been late."""
    tries_that_failed = batch.attempts - (batch.state == STATES.DELIVERED)
    return sink.last_error_at if tries_that_failed > 0 else None


RECALLED = ["state", "available_at", "recalled_token", "recalled_until", "lease_token", "leased_until"]


def _take_off(shares: Iterable[Share], day: date, count: int, letters: Sequence[DeadLetter]) -> None:
    """Takes the events off what sinks have counted as delivered, and off the stored accounts of the day."""
    delivered: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for share in shares:
        if share.batch.state == STATES.DELIVERED:
            told[share.batch.sink] += share.sent
            delivered[share.batch.sink] += 0 if share.batch.is_replay else share.sent
    for name, sent in told.items():
        Sink.objects.filter(name=name).update(delivered=F("delivered") - sent)
    for account in LedgerDay.objects.select_for_update().filter(day=day).order_by("sink"):
        sides = Counter(_side(letter) for letter in letters if letter.sink == account.sink)
        sides["delivered"] += delivered[account.sink]
        sides["pending"] += count - sides.total()
        _lower(account, count, sides)


def _side(letter: DeadLetter) -> str:
    return "delivered" if letter.state == DeadLetter.State.REPLAYED else letter.state


def _lower(account: LedgerDay, count: int, sides: Mapping[str, int]) -> None:
    """Takes events off an account that was counted a while ago: where it had them, if not where they are now.

    Today's may not have had all of them; the next count puts that right.
    """
    left = count = min(count, account.captured)
    account.captured -= count
    for wanted in (sides, dict.fromkeys(SIDES, count)):
        for side in SIDES:
            taken = min(left, wanted.get(side, 0), getattr(account, side))
            setattr(account, side, getattr(account, side) - taken)
            left -= taken
    account.save(update_fields=["captured", *SIDES])
