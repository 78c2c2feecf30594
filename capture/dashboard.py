"""*Backend health*: how each sink is doing, from stored readings and the outbox's own rows.

Nothing here asks a sink anything. Every query is bounded: by the number of sinks, or by a limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils.functional import cached_property

from capture import control, health, history, sinks
from capture.models import DeadLetter, Event, LedgerDay, OutboxBatch, Reading, Sink

TITLES = {"redis": "Redis", "cloud_storage": "Cloud Storage", "bigquery": "BigQuery", "memory": "Memory"}
CHANGE_PERMISSION = "capture.change_sink"
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


def title_of(name: str) -> str:
    return TITLES.get(name) or name.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    label: str
    points: history.Moments


@dataclass(frozen=True)
class Card:
    """One sink as the page shows it."""

    sink: Sink
    reading: Reading | None
    past: history.History | None
    is_stale: bool
    blocked: int
    now: datetime

    @property
    def name(self) -> str:
        return self.sink.name

    @property
    def title(self) -> str:
        return title_of(self.name)

    @property
    def is_enabled(self) -> bool:
        return sinks.is_enabled(self.name)

    @property
    def state(self) -> str:
        """The health word, or `unknown` when the last reading says nothing about now."""
        if not self.is_enabled:
            return "disabled"
        return self.reading.health if self.reading and not self.is_stale else "unknown"

    @property
    def is_paused(self) -> bool:
        return self.sink.state == Sink.State.PAUSED

    @property
    def next_try_at(self) -> datetime | None:
        """Set while the sink rests after a failure."""
        return self.sink.available_at if self.sink.failures and self.sink.available_at > self.now else None

    @property
    def lag_allowed(self) -> float:
        return health.LAG_ALLOWED.get(self.name, health.OTHER_LAG_ALLOWED)

    @cached_property
    def lag(self) -> list[Line]:
        return [Line("lag", self.past.lag)] if self.past else []

    @cached_property
    def throughput(self) -> list[Line]:
        return [Line("events a minute", self.past.throughput)] if self.past else []


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
        return title_of(self.sink)


@dataclass(frozen=True)
class Sent:
    """One batch and how long it took, or has been waiting."""

    batch: OutboxBatch
    now: datetime

    @property
    def title(self) -> str:
        return title_of(self.batch.sink)

    @property
    def seconds(self) -> float:
        """From being sealed to being delivered, or to now."""
        return ((self.batch.delivered_at or self.now) - self.batch.sealed_at).total_seconds()

    @property
    def age_seconds(self) -> float:
        """The same from the arrival of its oldest event."""
        return ((self.batch.delivered_at or self.now) - self.batch.oldest_received_at).total_seconds()


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
            "read_at": (read_at := last_read(readings.values())),
            "is_stale": is_stale(read_at, now),
            "cards": cards(readings, history.of_sinks(chosen, now), now),
            "has_events": Event.objects.exists(),
            "accounts": accounts(now),
            "only": only if only in settings.SINKS else "",
            "batches": [Sent(batch, now) for batch in latest_batches(only)],
            "reasons": reasons(),
            "letters_looked_at": LETTERS_LOOKED_AT,
            "may_change": request.user.has_perm(CHANGE_PERMISSION),
        }

    def headline(self, request: HttpRequest) -> Headline:
        readings = {
            name: reading for name, reading in health.latest().items() if sinks.is_enabled(reading.sink)
        }
        if not any(map(sinks.is_enabled, settings.SINKS)):
            return Headline("disabled", "Every sink is switched off")
        if is_stale(last_read(readings.values()), datetime.now(UTC)):
            return Headline("unknown", "No recent reading: the worker or the scheduler is not running")
        return _headline(readings)

    def act(self, request: HttpRequest) -> str:
        """Pauses or resumes a sink, and leaves word in the admin's log of who did it.

        Raises:
            PermissionDenied: the user may look only.
        """
        if not request.user.has_perm(CHANGE_PERMISSION):
            raise PermissionDenied
        acts = {"pause": (control.pause, "paused"), "resume": (control.resume, "resumed")}
        if request.POST.get("act") not in acts:
            raise Http404("A sink can be paused or resumed.")
        do, done = acts[request.POST["act"]]
        try:
            sink = do(request.POST.get("sink", ""))
        except control.UnknownSink as error:
            raise Http404(str(error)) from error
        LogEntry.objects.log_actions(
            request.user.pk or 0, [sink], CHANGE, change_message=f"{done.capitalize()}.", single_object=True
        )
        return f"{title_of(sink.name)} is {done}."


def _headline(readings: dict[str, Reading]) -> Headline:
    for state in ("unhealthy", "degraded"):
        if ill := [title_of(name) for name, reading in readings.items() if reading.health == state]:
            waiting = sum(reading.waiting for reading in readings.values())
            verb = "is" if len(ill) == 1 else "are"
            return Headline(state, f"{', '.join(ill)} {verb} {state}; {waiting:,} events waiting")
    delivered = sum(reading.delivered for reading in readings.values())
    well = "The one sink is" if len(readings) == 1 else f"All {len(readings)} sinks are"
    return Headline("healthy", f"{well} healthy; {delivered:,} deliveries")


def chosen_range(request: HttpRequest) -> history.Range:
    wanted = request.GET.get("range", "")
    return next((offered for offered in history.RANGES if offered.key == wanted), history.RANGES[0])


def last_read(readings: Iterable[Reading]) -> datetime | None:
    return max((reading.taken_at for reading in readings), default=None)


def is_stale(read_at: datetime | None, now: datetime) -> bool:
    return read_at is None or now - read_at > health.STALE_AFTER


def cards(readings: dict[str, Reading], past: dict[str, history.History], now: datetime) -> list[Card]:
    """One a configured sink, those that are switched off last."""
    rows = {sink.name: sink for sink in Sink.objects.filter(name__in=settings.SINKS)}
    blocked = blocked_batches()
    found = [
        Card(
            sink=rows.get(name) or Sink(name=name, available_at=now),
            reading=readings.get(name),
            past=past.get(name),
            is_stale=is_stale(last_read([readings[name]] if name in readings else []), now),
            blocked=blocked.get(name, 0),
            now=now,
        )
        for name in settings.SINKS
    ]
    return sorted(found, key=lambda card: not card.is_enabled)


def blocked_batches() -> dict[str, int]:
    """By the index of what is owed, which knows no delivered batch; a hundred at most are counted."""
    owed = OutboxBatch.objects.exclude(state=OutboxBatch.State.DELIVERED)
    names = owed.filter(state=OutboxBatch.State.BLOCKED).values_list("sink", flat=True)[:100]
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def accounts(now: datetime) -> list[tuple[str, list[LedgerDay]]]:
    """The ledger's last days by sink, the newest first."""
    since = now.date() - timedelta(days=LEDGER_DAYS - 1)
    days = LedgerDay.objects.filter(day__gte=since, sink__in=settings.SINKS).order_by("-day")
    by_sink: dict[str, list[LedgerDay]] = {}
    for day in days:
        by_sink.setdefault(day.sink, []).append(day)
    return [(title_of(name), by_sink[name]) for name in settings.SINKS if name in by_sink]


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
