"""What can be measured: instruments that every process keeps, and gauges that are read when somebody asks.

An app declares its instruments in its own `instruments.py` and its gauges in its own `gauges.py`; what is declared
here is what docs/metrics.md lists. No label ever takes a value that a caller made up, or that leads to a person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Of answers and statements; 0.2 and 0.35 are limits that alerts ask about."""

disable_created_metrics()  # when a process began counting says nothing where several count together
registry = CollectorRegistry()
"""Every instrument of this process."""


@dataclass(frozen=True)
class Declared:
    """One metric: what it is called, and what it tells."""

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...]
    is_kept: bool
    """By processes; what is not is read from the database when somebody asks."""


declared: dict[str, Declared] = {}
"""Every metric by its name."""


def counter(name: str, meaning: str, *labels: str, values: Iterable[Sequence[str]] = ()) -> Counter:
    """Counts from 0 for the `values` of its labels that are known beforehand, or the first of a kind would not show:
    Prometheus tells by how much a number has risen, and not that it is there."""
    _declare(name, "counter", meaning, labels, is_kept=True)
    made = Counter(name, meaning, labels, registry=registry)
    for known in values:
        made.labels(*known)
    return made


def histogram(name: str, meaning: str, *labels: str, buckets: Sequence[float] = SECONDS) -> Histogram:
    _declare(name, "histogram", meaning, labels, is_kept=True)
    return Histogram(name, meaning, labels, buckets=buckets, registry=registry)


def level(name: str, meaning: str) -> Gauge:
    """How much of something there is now, over all processes that live."""
    _declare(name, "gauge", meaning, (), is_kept=True)
    return Gauge(name, meaning, multiprocess_mode="livesum", registry=registry)


def gauge(name: str, meaning: str, *labels: str) -> str:
    """Declares what is read from where the truth is, and kept by no process; returns its name."""
    _declare(name, "gauge", meaning, labels, is_kept=False)
    return name


def _declare(name: str, kind: str, meaning: str, labels: tuple[str, ...], *, is_kept: bool) -> None:
    declared[name] = Declared(name, kind, meaning, labels, is_kept)


class Readings:
    """What gauges say at one moment."""

    def __init__(self) -> None:
        self._families: dict[str, GaugeMetricFamily] = {}

    def add(self, name: str, value: float | datetime | None, *labels: str) -> None:
        """One value; nothing where there is none. A moment is told as Prometheus does, in seconds since 1970."""
        if value is None:
            return
        number = value.timestamp() if isinstance(value, datetime) else float(value)
        known = declared[name]
        if len(labels) != len(known.labels):
            raise ValueError(f"{name} has the labels {known.labels}, not {len(labels)}")
        family = self._families.setdefault(
            name, GaugeMetricFamily(name, known.meaning, labels=list(known.labels))
        )
        family.add_metric(list(labels), number)

    def metrics(self) -> Iterable[Metric]:
        return self._families.values()
