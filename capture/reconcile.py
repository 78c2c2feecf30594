"""Reconciling: asks the stores what they hold of the batches they acknowledged, and sends again what they lost.

Invariants:
* A batch with rows missing goes back to `sealed` in the transaction that takes its events off the sink's count, so
  the ledger closes throughout: they are pending again. Its attempts are kept, so the store is asked before it is
  sent anything again, and gets only what is missing.
* Nothing is lost that nobody promised to hold: batches near the end of the retention are left alone, and so are those
  that the log itself no longer holds as they were sealed.
* A batch from which events are erased while it is being counted is counted anew, not sent again.
* Rows held twice are reported, never deleted.
* `recounted_at` is the watermark: a run that is stopped goes on where it stopped.
"""

import logging
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Now

from capture import log, notices, sinks, usage
from capture.models import DeadLetter, OutboxBatch, Sink
from capture.records import Record
from capture.sinks.base import Acknowledged, BatchRefused, Recount, RecountUnsupported, Unavailable
from leafloaf.access import audit
from leafloaf.lib.errors import kinds_of
from privacy.models.erasure import OUTER_LIMIT

logger = logging.getLogger(__name__)

ACTOR = "reconciler"
SETTLING = timedelta(minutes=5)
"""A store gets this long to show what it acknowledged."""
RECENT = timedelta(hours=2)
AGAIN_AFTER = timedelta(days=7)
"""Stores can lose things later, too."""
BUNCH = 500
MOST_BATCHES = 20_000
BUDGET_SECONDS = 200.0
LOCK = 7_306_402
"""First key of the advisory lock that keeps two runs apart; the second is the sink's."""
STATES = OutboxBatch.State


class Busy(Exception):
    """Another run is counting at this sink."""


@dataclass
class Tally:
    """What one run found at one sink."""

    sink: str
    batches: int = 0
    owed: int = 0
    held: int = 0
    doubled: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    incomparable: int = 0
    stopped: str = ""
    is_unsupported: bool = False

    def __str__(self) -> str:
        if self.is_unsupported:
            return f"{self.sink}: cannot be counted again: {self.stopped}"
        said = f"{self.sink}: {self.batches} batches, {self.owed} events owed, {self.held} held"
        said += f", {sum(self.lost.values())} lost in {len(self.lost)} batches, {self.doubled} held twice"
        if self.incomparable:
            said += f"; {self.incomparable} batches are no longer whole in the log"
        return f"{said}; stopped: {self.stopped}" if self.stopped else said


def recent(now: datetime | None = None) -> list[Tally]:
    """Counts what was delivered in the last hours and was not counted yet, at every sink that is on."""
    now = now or datetime.now(UTC)
    return [_run(name, _recent(_delivered(name, now, SETTLING), now)) for name in _enabled()]


def overdue(now: datetime | None = None) -> list[Tally]:
    """Counts what was never counted, and then what was not for `AGAIN_AFTER`, at every sink that is on."""
    now = now or datetime.now(UTC)
    return [_run(name, *_overdue(_delivered(name, now, SETTLING), now)) for name in _enabled()]


def everything(
    name: str,
    *,
    since: date | None = None,
    min_age: timedelta = SETTLING,
    is_dry_run: bool = False,
    now: datetime | None = None,
) -> Tally:
    """Counts every batch of these days, whenever it was counted last; those left longest come first.

    Args:
        is_dry_run: change nothing, not even the watermark.
    """
    found = _delivered(name, now or datetime.now(UTC), min_age)
    if since:
        found = found.filter(day__gte=since)
    return _run(name, found.order_by(F("recounted_at").asc(nulls_first=True), "id"), is_dry_run=is_dry_run)


def _enabled() -> list[str]:
    return [name for name in settings.SINKS if sinks.is_enabled(name)]


def _delivered(name: str, now: datetime, min_age: timedelta) -> QuerySet[OutboxBatch]:
    """The batches that the store must hold: acknowledged a while ago, and not about to expire."""
    first_kept = now.date() - timedelta(days=settings.RAW_EVENT_RETENTION_DAYS - 1)
    found = OutboxBatch.objects.filter(sink=name, state=STATES.DELIVERED)
    return found.filter(delivered_at__lte=now - min_age, day__gt=first_kept)


def _recent(found: QuerySet[OutboxBatch], now: datetime) -> QuerySet[OutboxBatch]:
    since = now - RECENT
    return found.filter(recounted_at=None, delivered_at__gte=since, day__gte=since.date()).order_by("id")


def _overdue(found: QuerySet[OutboxBatch], now: datetime) -> list[QuerySet[OutboxBatch]]:
    """Two queries, as each is one walk of the index; together they would be a walk of all of it."""
    never = found.filter(recounted_at=None)
    return [
        never.order_by("id"),
        found.filter(recounted_at__lt=now - AGAIN_AFTER).order_by("recounted_at"),
    ]


def _run(name: str, *wanted: QuerySet[OutboxBatch], is_dry_run: bool = False) -> Tally:
    """Counts the batches wanted, bunch by bunch, until all are counted, enough are, or time is up."""
    tally = Tally(name)
    deadline = time.monotonic() + BUDGET_SECONDS
    try:
        with _alone(name):
            for bunch in _bunches(_first(wanted)):
                if time.monotonic() > deadline:
                    tally.stopped = "time is up; the next run goes on from here"
                    break
                _count(bunch, tally, is_dry_run=is_dry_run)
    except RecountUnsupported as error:
        tally.is_unsupported, tally.stopped = True, str(error)
    except (Unavailable, BatchRefused, Busy) as error:
        tally.stopped = str(error)
        logger.warning("Counting what %s holds has stopped (%s).", name, kinds_of(error))
    if not is_dry_run:
        tell(name)
    usage.record_queries()
    return tally


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Keeps a second run away from the sink: it might clear away what the first has just had delivered.

    Raises:
        Busy: another run is at it.
    """
    key = [LOCK, key_of(name)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        if not cursor.fetchone()[0]:
            raise Busy("another run is counting")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def key_of(name: str) -> int:
    """A sink's number for the lock: positive, of four bytes."""
    return zlib.crc32(name.encode()) >> 1


def _first(wanted: Iterable[QuerySet[OutboxBatch]]) -> list[int]:
    """The ids of the batches to be counted, as many as one run may."""
    ids: list[int] = []
    for batches in wanted:
        ids += batches.values_list("id", flat=True)[: MOST_BATCHES - len(ids)]
    return ids


def _bunches(ids: Sequence[int]) -> Iterator[list[OutboxBatch]]:
    """Batches that can be asked for together: of one day, so that the question stays within a partition."""
    for start in range(0, len(ids), BUNCH):
        some = OutboxBatch.objects.filter(id__in=ids[start : start + BUNCH], state=STATES.DELIVERED)
        for _, day in groupby(some.order_by("day", "sequence"), key=lambda batch: batch.day):
            yield list(day)


def _count(bunch: Sequence[OutboxBatch], tally: Tally, *, is_dry_run: bool) -> None:
    """Asks the store for one bunch, sends again what is missing, and moves the watermark past the rest."""
    recounts = sinks.get(tally.sink).recount([acknowledged(batch) for batch in bunch])
    whole: list[int] = []
    for batch in bunch:
        recount = _certain(batch, recounts.get(batch.label))
        _add(tally, batch, recount)
        if is_dry_run:
            continue
        if recount and _is_whole(batch, recount):
            whole.append(batch.id)
        else:
            _put_down(batch, recount)
    _put_away(whole)


@transaction.atomic
def _put_away(whole: Sequence[int]) -> None:
    """Stores that these batches are as they should be; locked in the order in which others lock many."""
    found = OutboxBatch.objects.filter(id__in=whole, state=STATES.DELIVERED)
    ids = list(found.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))
    counted = OutboxBatch.objects.filter(id__in=ids)
    counted.update(recounted_at=Now(), held=F("count") - F("excluded"), doubled=0)


def acknowledged(batch: OutboxBatch) -> Acknowledged:
    is_remade = batch.remade_at is not None and batch.remade_at > datetime.now(UTC) - OUTER_LIMIT
    return Acknowledged(batch.label, batch.object_name, batch.day, owed(batch), _reader(batch), is_remade)


def owed(batch: OutboxBatch) -> int:
    return batch.count - batch.excluded


def _reader(batch: OutboxBatch) -> Callable[[], Sequence[Record] | None]:
    def read() -> Sequence[Record] | None:
        try:
            return log.read(batch)
        except BatchRefused:
            return None

    return read


def _certain(batch: OutboxBatch, recount: Recount | None) -> Recount | None:
    """The same, unless something is missing that the log does not hold any more either."""
    if recount and recount.held < owed(batch) and acknowledged(batch).read() is None:
        return None
    return recount


def _add(tally: Tally, batch: OutboxBatch, recount: Recount | None) -> None:
    tally.batches += 1
    if recount is None:
        tally.incomparable += 1
        return
    tally.owed += owed(batch)
    tally.held += recount.held
    tally.doubled += recount.doubled
    if recount.held < owed(batch):
        tally.lost[batch.label] = owed(batch) - recount.held


def _is_whole(batch: OutboxBatch, recount: Recount) -> bool:
    return recount.held == owed(batch) and not recount.doubled


def _put_down(batch: OutboxBatch, recount: Recount | None) -> None:
    """Stores what was found of a batch that is not simply as it should be."""
    if recount and recount.held < owed(batch):
        sinks.get(batch.sink).make_way(acknowledged(batch))
        send_again(batch, recount)
        return
    found = OutboxBatch.objects.filter(id=batch.id, state=STATES.DELIVERED)
    if recount is None:
        found.update(recounted_at=Now())
    else:
        found.update(recounted_at=Now(), held=recount.held, doubled=recount.doubled)


@transaction.atomic
def send_again(batch: OutboxBatch, recount: Recount) -> bool:
    """Owes the batch to its sink once more, unless somebody else has seen to it since it was read."""
    said = f"the store held {recount.held} of {owed(batch)} events when it was counted again"
    Sink.objects.select_for_update(no_key=True).filter(name=batch.sink).first()
    unchanged = OutboxBatch.objects.filter(
        id=batch.id, state=STATES.DELIVERED, delivered_at=batch.delivered_at, remade_at=batch.remade_at
    )
    values = {"held": recount.held, "doubled": recount.doubled, "recounted_at": None, "last_error": said}
    values["promised"] = None  # it was kept, and the store has lost rows since
    if not unchanged.update(state=STATES.SEALED, delivered_at=None, available_at=Now(), **values):
        return False
    Sink.objects.filter(name=batch.sink).update(delivered=F("delivered") - owed(batch))
    letters = DeadLetter.objects.filter(replay_batch=batch, state=DeadLetter.State.REPLAYED)
    letters.update(state=DeadLetter.State.PENDING)
    audit.record(ACTOR, "send batch again", batch.label, reason=said, held=recount.held, owed=owed(batch))
    logger.error("Batch %s is sent again: %s.", batch, said)
    return True


def tell(name: str) -> None:
    """Leaves word for staff of what the sink holds more than once."""
    found = doubled(name).aggregate(events=Sum("doubled"), batches=Count("id"))
    sentence = (
        f"{name} holds {found['events']} events more than once, in {found['batches']} batches; "
        "the views ending in _once show each of them once."
    )
    notices.replace(f"doubled-{name}", [sentence] if found["batches"] else [])


def doubled(name: str) -> QuerySet[OutboxBatch]:
    """The batches of which the sink held something twice, as far as it has not expired."""
    first_kept = datetime.now(UTC).date() - timedelta(days=settings.RAW_EVENT_RETENTION_DAYS)
    return OutboxBatch.objects.filter(sink=name, doubled__gt=0, day__gt=first_kept)
