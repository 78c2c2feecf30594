"""*Backend health*: how each sink is doing, from stored readings and the outbox's own rows.

Nothing here asks a sink anything. Every query is bounded: by the number of sinks, or by a limit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, QueryDict

from capture import cards, control, health, history, horizon, notices, sinks
from capture.models import DeadLetter, Event, LedgerDay, OutboxBatch, Reading, Sink

CHANGE_PERMISSION = "capture.change_sink"
ACTS: dict[str, tuple[Callable[..., Sink], str]] = {
    "pause": (control.pause, "is paused"),
    "resume": (control.resume, "is resumed"),
    "off": (control.off, "is switched off"),
    "on": (control.on, "is switched on and catches up"),
}
LEDGER_DAYS = 7
LATEST_BATCHES = 20
LETTERS_LOOKED_AT = 500
"""Dead letters of each sink that are grouped by reason, the newest first."""

# By the index on (sink, state, created_at): a sink that refuses everything must not slow the page down.
REASONS = """
    SELECT letter.sink, letter.reason, count(*), max(letter.created_at), count(DISTINCT letter.event_type),
           min(letter.event_type)
    FROM unnest(%(sinks)s::text[]) AS named(sink) CROSS JOIN LATERAL (
        SELECT sink, reason, event_type, created_at FROM capture_deadletter
        WHERE capture_deadletter.sink = named.sink AND state = %(state)s
        ORDER BY created_at DESC LIMIT %(limit)s
    ) AS letter
    GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC LIMIT 20
"""


@dataclass(frozen=True)
class Reason:
    """Dead letters that were refused in the same words."""

    sink: str
    reason: str
    count: int
    latest_at: datetime
    event_types: int
    event_type: str

    @property
    def title(self) -> str:
        return cards.title_of(self.sink)


@dataclass(frozen=True)
class Sent:
    """One batch and how long it took, or has been waiting."""

    batch: OutboxBatch
    now: datetime

    @property
    def title(self) -> str:
        return cards.title_of(self.batch.sink)

    @property
    def seconds(self) -> float:
        """From being sealed to being delivered, or to now."""
        return ((self.batch.delivered_at or self.now) - self.batch.sealed_at).total_seconds()

    @property
    def age_seconds(self) -> float:
        """The same from the arrival of its oldest event."""
        return ((self.batch.delivered_at or self.now) - self.batch.oldest_received_at).total_seconds()


@dataclass(frozen=True)
class Proposal:
    """A back-fill as it would be, or why it cannot be."""

    name: str
    found: control.BackFill | None
    refusal: str

    @property
    def title(self) -> str:
        return cards.title_of(self.name)


@dataclass(frozen=True)
class Headline:
    """The dashboard in one line."""

    state: str
    sentence: str


class BackendHealth:
    """The page; `context` is what its template needs, `act` what its buttons do."""

    title = "Backend health"
    slug = "backend-health"
    permission = "capture.view_sink"
    template_name = "capture/backend_health.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        now = datetime.now(UTC)
        chosen = chosen_range(request)
        readings = health.latest()
        only = request.GET.get("sink", "")
        return {
            "now": now,
            "ranges": history.RANGES,
            "range": chosen,
            "read_at": (read_at := cards.last_read(readings.values())),
            "is_stale": cards.is_stale(read_at, now),
            "notices": notices.sentences(),
            "cards": cards.of_sinks(readings, history.of_sinks(chosen, now), now),
            "log": cards.LogCard(horizon.latest(), now),
            "has_events": Event.objects.exists(),
            "accounts": accounts(now),
            "only": only if only in settings.SINKS else "",
            "batches": [Sent(batch, now) for batch in latest_batches(only)],
            "reasons": reasons(),
            "letters_looked_at": LETTERS_LOOKED_AT,
            "may_change": request.user.has_perm(CHANGE_PERMISSION),
            "back_fill": proposed(request) if request.user.has_perm(CHANGE_PERMISSION) else None,
        }

    def headline(self, request: HttpRequest) -> Headline:
        readings = {
            name: reading for name, reading in health.latest().items() if sinks.is_enabled(reading.sink)
        }
        if not any(map(sinks.is_enabled, settings.SINKS)):
            return Headline("disabled", "Every sink is switched off")
        if cards.is_stale(cards.last_read(readings.values()), datetime.now(UTC)):
            return Headline("unknown", "No recent reading: the worker or the scheduler is not running")
        return _headline(readings)

    def act(self, request: HttpRequest) -> str:
        """Does to one sink what a button says, and says what was done.

        Raises:
            PermissionDenied: the user may look only.
        """
        if not request.user.has_perm(CHANGE_PERMISSION):
            raise PermissionDenied
        name, act = request.POST.get("sink", ""), request.POST.get("act")
        who = {"by": request.user.get_username(), "because": request.POST.get("because", "").strip()}
        try:
            if act == "back-fill":
                done = control.back_fill(name, chosen_day(request.POST), **who)
                return (
                    f"{cards.title_of(name)} gets {done.batches:,} batches with {done.events:,} events again."
                )
            if act in ACTS:
                do, now = ACTS[act]
                do(name, **who)
                return f"{cards.title_of(name)} {now}."
        except control.UnknownSink as error:
            raise Http404(str(error)) from error
        except ValueError as error:
            return f"Nothing was done. {error}"
        raise Http404("That is nothing a sink can be told.")


def _headline(readings: dict[str, Reading]) -> Headline:
    for state in ("unhealthy", "degraded"):
        if ill := [cards.title_of(name) for name, reading in readings.items() if reading.health == state]:
            waiting = sum(reading.waiting for reading in readings.values())
            verb = "is" if len(ill) == 1 else "are"
            return Headline(state, f"{', '.join(ill)} {verb} {state}; {waiting:,} events waiting")
    delivered = sum(reading.delivered for reading in readings.values())
    well = "The one sink is" if len(readings) == 1 else f"All {len(readings)} sinks are"
    return Headline("healthy", f"{well} healthy; {delivered:,} deliveries")


def proposed(request: HttpRequest) -> Proposal | None:
    """The back-fill that the address asks about; nothing is done before somebody agrees to it."""
    name = request.GET.get("back_fill", "")
    if name not in settings.SINKS:
        return None
    try:
        return Proposal(name, control.would_back_fill(name, chosen_day(request.GET)), "")
    except ValueError as error:
        return Proposal(name, None, str(error))


def chosen_day(data: QueryDict) -> date | None:
    """The day that a back-fill should begin with; none means all the log.

    Raises:
        ValueError: it is no day.
    """
    text = data.get("since", "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ValueError(f"“{text}” is not a day such as 2026-11-20.") from error


def chosen_range(request: HttpRequest) -> history.Range:
    wanted = request.GET.get("range", "")
    return next((offered for offered in history.RANGES if offered.key == wanted), history.RANGES[0])


def accounts(now: datetime) -> list[tuple[str, list[LedgerDay]]]:
    """The ledger's last days by sink, the newest first."""
    since = now.date() - timedelta(days=LEDGER_DAYS - 1)
    days = LedgerDay.objects.filter(day__gte=since, sink__in=settings.SINKS).order_by("-day")
    by_sink: dict[str, list[LedgerDay]] = {}
    for day in days:
        by_sink.setdefault(day.sink, []).append(day)
    return [(cards.title_of(name), by_sink[name]) for name in settings.SINKS if name in by_sink]


def latest_batches(name: str) -> QuerySet[OutboxBatch]:
    """By the primary key, or for one sink by its sequence: both have an index."""
    if name in settings.SINKS:
        return OutboxBatch.objects.filter(sink=name).order_by("-sequence")[:LATEST_BATCHES]
    return OutboxBatch.objects.order_by("-id")[:LATEST_BATCHES]


def reasons() -> list[Reason]:
    parameters: dict[str, Any] = {
        "sinks": list(settings.SINKS),
        "state": DeadLetter.State.DEAD,
        "limit": LETTERS_LOOKED_AT,
    }
    with connection.cursor() as cursor:
        cursor.execute(REASONS, parameters)
        return [Reason(*row) for row in cursor.fetchall()]
