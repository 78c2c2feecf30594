"""One card a sink on the *Backend health* page: its last reading, its past, its own row; and one of the log."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.conf import settings

from capture import health, history, horizon, sinks
from capture.glances import Glance
from capture.models import ConnectionTest, HorizonReading, Reading, Sink

TITLES = {
    "redis": "Redis",
    "cloud_storage": "Cloud Storage",
    "bigquery": "BigQuery",
    "pubsub": "Pub/Sub",
    "spanner": "Spanner",
    "memory": "Memory",
}


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
    glance: Glance | None
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
        if not self.is_enabled or self.is_off:
            return "disabled"
        return self.reading.health if self.reading and not self.is_stale else "unknown"

    @property
    def is_paused(self) -> bool:
        return self.sink.state == Sink.State.PAUSED

    @property
    def is_off(self) -> bool:
        return self.sink.state == Sink.State.OFF

    @property
    def circuit(self) -> str:
        """The breaker: `closed` while all is well, `open` while the sink rests, `half-open` for one batch at a time."""
        if not self.sink.failures:
            return "closed"
        return "open" if self.next_try_at else "half-open"

    @property
    def next_try_at(self) -> datetime | None:
        """Set while the sink rests after a failure."""
        return self.sink.available_at if self.sink.failures and self.sink.available_at > self.now else None

    @property
    def blocked(self) -> int:
        return self.glance.blocked if self.glance else 0

    @property
    def ill_since(self) -> datetime | None:
        """When it was last well, by its readings; None while it is."""
        return self.glance.ill_since if self.glance and self.state in {"degraded", "unhealthy"} else None

    @property
    def test(self) -> ConnectionTest | None:
        """The last test of the connection."""
        is_known = not self.sink._state.adding  # nobody has to ask after what a row that is not there has
        return getattr(self.sink, "connection_test", None) if is_known else None

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
class LogCard:
    """What holds the log back, as the page shows it."""

    reading: HorizonReading | None
    now: datetime

    @property
    def state(self) -> str:
        if not self.reading or is_stale(self.reading.taken_at, self.now):
            return "unknown"
        return "degraded" if self.reading.age_seconds > horizon.AGE_ALLOWED.total_seconds() else "healthy"


def of_sinks(
    readings: dict[str, Reading], past: dict[str, history.History], glances: dict[str, Glance], now: datetime
) -> list[Card]:
    """One a configured sink, those that are switched off last."""
    known = Sink.objects.filter(name__in=settings.SINKS).select_related("connection_test")
    rows = {sink.name: sink for sink in known}
    found = [
        Card(
            sink=rows.get(name) or Sink(name=name, available_at=now),
            reading=readings.get(name),
            past=past.get(name),
            is_stale=is_stale(last_read([readings[name]] if name in readings else []), now),
            glance=glances.get(name),
            now=now,
        )
        for name in settings.SINKS
    ]
    return sorted(found, key=lambda card: not card.is_enabled)


def last_read(readings: Iterable[Reading]) -> datetime | None:
    return max((reading.taken_at for reading in readings), default=None)


def is_stale(read_at: datetime | None, now: datetime) -> bool:
    return read_at is None or now - read_at > health.STALE_AFTER
