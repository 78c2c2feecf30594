"""Deletion requests as staff see them: how far each is in each store, and how long it may take. Never whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from privacy.erasure import requests, steps
from privacy.erasure.requests import StoreProgress
from privacy.models import DeletionRequest, DeletionStep

SHOWN = 100
STATES = DeletionRequest.State
ENDED = [STATES.CERTIFIED, STATES.CANCELLED]
LATE_SOON = timedelta(hours=12)


@dataclass(frozen=True)
class Queued:
    """One request in one line."""

    request: DeletionRequest
    stores: list[StoreProgress]
    left: timedelta
    cells: Sequence[StoreProgress | None] = ()
    """One for each column of the table, None where the request has nothing to do with the store."""

    @property
    def name(self) -> str:
        return str(self.request.pk)[:8]

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
    def needs_attention(self) -> bool:
        waits = self.request.state == STATES.RECEIVED or bool(self.request.question)
        return waits or any(store.needs_attention for store in self.stores)


@dataclass(frozen=True)
class Metrics:
    """Of the last 30 days."""

    received: int
    completed: int
    cancelled: int
    median_seconds: float | None
    """From the request, or the end of its cooling-off, to the certificate."""


def waiting(now: datetime) -> list[Queued]:
    """Those that are not at their end, the most urgent first."""
    found = DeletionRequest.objects.filter(kind=DeletionRequest.Kind.ERASURE).exclude(state__in=ENDED)
    rows = [_queued(one, now) for one in found.prefetch_related("steps").order_by("created_at")[:SHOWN]]
    return sorted(rows, key=lambda one: (not one.needs_attention, one.left))


def ended(now: datetime) -> list[Queued]:
    """The latest that are."""
    found = DeletionRequest.objects.filter(kind=DeletionRequest.Kind.ERASURE, state__in=ENDED)
    return [_queued(one, now) for one in found.prefetch_related("steps").order_by("-ended_at")[:20]]


def _queued(request: DeletionRequest, now: datetime) -> Queued:
    return Queued(request, requests.progress(request), request.due_at - now)


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


def residuals(now: datetime) -> list[tuple[datetime, str, int]]:
    """Until when a store could still bring something back: (moment, store, how many requests), the nearest first."""
    found = DeletionStep.objects.filter(residual_until__gt=now).values_list("residual_until", "store")
    counted: dict[tuple[datetime, str], int] = {}
    for until, store in found.order_by("residual_until")[:1000]:
        if until is None:
            continue
        day = until.replace(hour=0, minute=0, second=0, microsecond=0)
        key = day, requests.TITLES.get(store, store)
        counted[key] = counted.get(key, 0) + 1
    return [(day, store, count) for (day, store), count in sorted(counted.items())[:12]]


def metrics(now: datetime) -> Metrics:
    since = now - timedelta(days=30)
    erasures = DeletionRequest.objects.filter(kind=DeletionRequest.Kind.ERASURE)
    certified = erasures.filter(state=STATES.CERTIFIED, ended_at__gte=since)
    took = [
        (end - (begin or asked)).total_seconds()
        for end, begin, asked in certified.values_list("ended_at", "purge_at", "created_at")[:5000]
        if end
    ]
    return Metrics(
        received=erasures.filter(created_at__gte=since).count(),
        completed=len(took),
        cancelled=erasures.filter(state=STATES.CANCELLED, ended_at__gte=since).count(),
        median_seconds=median(took) if took else None,
    )


def alarms(rows: Sequence[Queued]) -> list[str]:
    """What somebody must see to, loudest first."""
    said = [f"Request {row.name} is past its 72 hours." for row in rows if row.is_late]
    for row in rows:
        failing = [step for step in row.request.steps.all() if step.failures >= steps.ALARM_AFTER]
        said += [
            f"Request {row.name}: {requests.TITLES.get(step.store, step.store)} has failed {step.failures} times."
            for step in failing
        ]
    return said
