"""Deletion requests as staff see them: how far each is in each store, and how long it may take. Never whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce, JSONObject

from privacy.erasure import requests, steps
from privacy.erasure.requests import StoreProgress
from privacy.models import DeletionRequest, DeletionStep
from privacy.models.erasure import OUTER_LIMIT

SHOWN = 100
STATES = DeletionRequest.State
ENDED = [STATES.CERTIFIED, STATES.CANCELLED]
LATE_SOON = timedelta(hours=12)
LONG_HOLD = timedelta(days=7)


@dataclass(frozen=True)
class Queued:
    """One request in one line."""

    request: DeletionRequest
    now: datetime
    has_stopped: bool
    """Whether a step needs somebody."""
    held_since: datetime | None
    """When the oldest hold on it was put on."""
    failing: Sequence[tuple[str, int]]
    """The stores that have failed often in a row, and how often."""
    stores: Sequence[StoreProgress] = ()
    """Empty when it was only glanced at."""
    cells: Sequence[StoreProgress | None] = ()
    """One for each column of the table, None where the request has nothing to do with the store."""

    @property
    def name(self) -> str:
        return str(self.request.pk)[:8]

    @property
    def left(self) -> timedelta:
        return self.request.due_at - self.now

    @property
    def is_late(self) -> bool:
        return not self.request.ended_at and self.left < timedelta(0)

    @property
    def late_by(self) -> timedelta:
        return -self.left

    @property
    def is_urgent(self) -> bool:
        return not self.request.ended_at and self.left < LATE_SOON

    @property
    def waits_for_approval(self) -> bool:
        return self.request.state == STATES.RECEIVED

    @property
    def asks_somebody(self) -> bool:
        """Whether it has stopped and does not go on by itself."""
        return bool(self.request.question) or self.has_stopped

    @property
    def needs_attention(self) -> bool:
        return self.waits_for_approval or self.asks_somebody


@dataclass(frozen=True)
class Listed:
    """The requests behind one number."""

    title: str
    rows: list[Queued]

    @property
    def is_cut(self) -> bool:
        return len(self.rows) >= SHOWN


def waiting(now: datetime) -> list[Queued]:
    """Those that are not at their end, the most urgent first."""
    rows = _rows(_waiting(), now)
    return sorted(rows, key=lambda one: (not one.needs_attention, one.left))


def glanced_at(now: datetime) -> list[Queued]:
    """The same without their stores: one query, for the overview."""
    return [_queued(one, now) for one in _glanced(_waiting())[:SHOWN]]


def _waiting() -> QuerySet[DeletionRequest]:
    return _erasures().exclude(state__in=ENDED).order_by("created_at")


def ended(now: datetime) -> list[Queued]:
    """The latest that are."""
    return _rows(_erasures().filter(ended_at__isnull=False).order_by("-ended_at"), now, most=20)


def listed(kind: str, since: datetime, now: datetime, day: date | None = None) -> Listed | None:
    """What is behind a number of the page, the newest first; None for a number that there is not.

    Args:
        day: of what expires, the day in UTC on which it does.
    """
    erasures = _erasures()
    gone = erasures.filter(ended_at__gte=since, ended_at__lt=now).order_by("-ended_at")
    certified = gone.filter(state=STATES.CERTIFIED)
    if kind == "expiring" and day:
        begin = datetime.combine(day, time(), tzinfo=UTC)
        steps_then = DeletionStep.objects.filter(
            residual_until__gte=begin, residual_until__lt=begin + timedelta(days=1)
        )
        found = erasures.filter(pk__in=steps_then.values("request_id")).order_by("-created_at")
        return Listed(f"What could be brought back until {day:%B} {day.day}", _rows(found, now))
    late = Q(purge_at__isnull=True, created_at__lt=now - OUTER_LIMIT) | Q(purge_at__lt=now - OUTER_LIMIT)
    offered: dict[str, tuple[str, QuerySet[DeletionRequest]]] = {
        "received": ("Received", erasures.filter(created_at__gte=since, created_at__lt=now)),
        "completed": ("Completed", certified),
        "cancelled": ("Cancelled", gone.filter(state=STATES.CANCELLED)),
        "late": ("Completed past their 72 hours", certified.filter(ended_at__gt=_due())),
        "overdue": ("On their way, past their 72 hours", erasures.exclude(state__in=ENDED).filter(late)),
    }
    if kind not in offered:
        return None
    title, rows = offered[kind]
    return Listed(title, _rows(rows, now))


def _erasures() -> QuerySet[DeletionRequest]:
    return DeletionRequest.objects.filter(kind=DeletionRequest.Kind.ERASURE)


def _due() -> CombinedExpression:
    return Coalesce("purge_at", "created_at") + OUTER_LIMIT


def _rows(found: QuerySet[DeletionRequest], now: datetime, most: int = SHOWN) -> list[Queued]:
    read = _glanced(found).prefetch_related("steps")[:most]
    return [_queued(one, now, requests.progress(one)) for one in read]


def _glanced(found: QuerySet[DeletionRequest]) -> QuerySet[DeletionRequest]:
    """With what of their steps decides how urgent they are."""
    mine = DeletionStep.objects.filter(request=OuterRef("pk")).order_by()
    failing = mine.filter(failures__gte=steps.ALARM_AFTER)
    return found.annotate(
        has_stopped=Exists(mine.exclude(needs_attention="")),
        held_since=Subquery(mine.exclude(held_at=None).order_by("held_at").values("held_at")[:1]),
        failing=ArraySubquery(failing.values(told=JSONObject(store="store", failures="failures"))),
    )


def _queued(one: Any, now: datetime, stores: Sequence[StoreProgress] = ()) -> Queued:
    failing = [(each["store"], each["failures"]) for each in one.failing]
    return Queued(one, now, one.has_stopped, one.held_since, failing, stores)


def stores(rows: Sequence[Queued]) -> list[tuple[str, str]]:
    """The stores to have a column: (name, title), in the order in which they are emptied."""
    return list(dict.fromkeys((store.store, store.title) for row in rows for store in row.stores))


def in_columns(rows: Sequence[Queued], columns: Sequence[tuple[str, str]]) -> list[Queued]:
    """The same rows, with a cell for each column."""
    found = []
    for row in rows:
        by_name = {store.store: store for store in row.stores}
        found.append(replace(row, cells=[by_name.get(name) for name, _ in columns]))
    return found


@dataclass(frozen=True)
class StoreSummary:
    """One store over all requests that are on their way."""

    title: str
    requests: int
    absent: int
    done: int
    """Absent, or given up by staff."""
    asking: int
    held: int
    least_left: timedelta
    """Of the request that has the least time left and is not done here."""


def by_store(rows: Sequence[Queued]) -> list[StoreSummary]:
    return [_summary(title, name, rows) for name, title in stores(rows)]


def _summary(title: str, name: str, rows: Sequence[Queued]) -> StoreSummary:
    found = [(row, store) for row in rows for store in row.stores if store.store == name]
    done = {DeletionStep.State.ABSENT, DeletionStep.State.GIVEN_UP}
    left = [row.left for row, store in found if store.state not in done]
    return StoreSummary(
        title=title,
        requests=len(found),
        done=len(found) - len(left),
        absent=sum(store.state == DeletionStep.State.ABSENT for _, store in found),
        asking=sum(bool(store.needs_attention) for _, store in found),
        held=sum(store.held for _, store in found),
        least_left=min(left, default=timedelta(0)),
    )
