"""What a person may tell a sink: rest, go on, be off, or take again what it once had.

Every act is recorded in the audit, in its own transaction.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Now

from capture import log
from capture.models import DeadLetter, OutboxBatch, Sink
from leafloaf.access import audit

STATES = OutboxBatch.State
MOST_COUNTED = 20_000
"""Batches that a question counts before it says that there are more."""


class UnknownSink(LookupError):
    """`settings.SINKS` has no sink of that name."""


class BeforeTheLog(ValueError):
    """The log no longer holds the day a back-fill should begin with."""


@dataclass(frozen=True)
class BackFill:
    """What a back-fill comes to; there is more than was counted when `is_cut`."""

    sink: str
    since: date
    batches: int
    events: int
    is_cut: bool = False


def pause(name: str, *, by: str, because: str = "") -> Sink:
    """Seals and sends nothing more for the sink; what is being sent right now still arrives. Nothing is lost.

    Raises:
        UnknownSink: see there.
    """
    return _set(name, {"state": Sink.State.PAUSED}, "pause sink", by, because)


def resume(name: str, *, by: str, because: str = "") -> Sink:
    """Lets the sink go on at once, as if it had never failed; its last error stays readable.

    Raises:
        UnknownSink: see there.
    """
    return _set(name, _going_on(), "resume sink", by, because)


def off(name: str, *, by: str, because: str = "") -> Sink:
    """Pauses the sink for as long as anybody likes: it counts as disabled, is no alarm, and holds up no pruning.

    The cursor stays where it is, so the log owes the sink everything from there on that it still holds.

    Raises:
        UnknownSink: see there.
    """
    return _set(name, {"state": Sink.State.OFF}, "switch sink off", by, because)


def on(name: str, *, by: str, because: str = "") -> Sink:
    """Lets a sink that was off catch up from its cursor.

    Raises:
        UnknownSink: see there.
    """
    return _set(name, _going_on(), "switch sink on", by, because)


def would_back_fill(name: str, since: date | None = None) -> BackFill:
    """What `back_fill` would deliver again, without doing it, as far as it is counted.

    Raises:
        UnknownSink, BeforeTheLog: see there.
    """
    since = _first_day(name, since)
    some = _again(name, since).values("count", "excluded").order_by()[:MOST_COUNTED]
    found = some.aggregate(batches=Count("*"), events=Sum(F("count") - F("excluded")))
    return BackFill(name, since, found["batches"], found["events"] or 0, found["batches"] >= MOST_COUNTED)


@transaction.atomic
def back_fill(name: str, since: date | None = None, *, by: str, because: str = "") -> BackFill:
    """Has every batch of these days delivered again; what the sink still holds, it will not take twice.

    Blocked ones are tried again too. What was never sealed is not touched: the cursor owes it anyway.

    Args:
        since: a UTC day on which the events were received; None for all that the log holds.

    Raises:
        UnknownSink, BeforeTheLog: see there.
    """
    since = _first_day(name, since)
    # A worker that settles needs this row last: from here on no batch becomes delivered until this is over.
    Sink.objects.select_for_update(no_key=True).filter(name=name).first()
    again = _again(name, since)
    uncounted = _events(again.filter(state=STATES.DELIVERED))
    events = _events(again)
    replayed = DeadLetter.objects.filter(sink=name, state=DeadLetter.State.REPLAYED, replay_batch__in=again)
    replayed.update(state=DeadLetter.State.PENDING)
    values: dict[str, Any] = {
        "state": STATES.SEALED,
        "available_at": Now(),
        "delivered_at": None,
        "recounted_at": None,
        "held": None,
    }
    # What was delivered has kept its promise, and the store may have lost the rows since. Of a blocked batch nobody
    # knows what was committed.
    batches = again.filter(state=STATES.DELIVERED).update(promised=None, **values)
    batches += again.update(**values)
    Sink.objects.filter(name=name).update(delivered=F("delivered") - uncounted)
    audit.record(by, "back-fill sink", name, reason=because, since=str(since), batches=batches, events=events)
    return BackFill(name, since, batches, events)


def _again(name: str, since: date) -> QuerySet[OutboxBatch]:
    return OutboxBatch.objects.filter(sink=name, day__gte=since, state__in=[STATES.DELIVERED, STATES.BLOCKED])


def _events(batches: QuerySet[OutboxBatch]) -> int:
    return batches.aggregate(events=Sum(F("count") - F("excluded")))["events"] or 0


def _first_day(name: str, since: date | None) -> date:
    _check(name)
    oldest = log.oldest_day()
    if since and since < oldest:
        raise BeforeTheLog(f"The log begins on {oldest}; {since} is before that.")
    return since or oldest


def _check(name: str) -> None:
    if name not in settings.SINKS:
        raise UnknownSink(f"There is no sink {name!r}.")


def _going_on() -> dict[str, Any]:
    return {"state": Sink.State.ENABLED, "failures": 0, "available_at": Now()}


@transaction.atomic
def _set(name: str, values: dict[str, Any], action: str, by: str, because: str) -> Sink:
    _check(name)
    Sink.objects.update_or_create(name=name, defaults=values)
    audit.record(by, action, name, reason=because)
    return Sink.objects.get(name=name)
