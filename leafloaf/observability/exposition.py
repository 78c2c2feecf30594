"""Everything that is measured, as the text that Prometheus reads."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils.module_loading import import_string
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from leafloaf.lib import database, metering
from leafloaf.lib.metering import Readings
from leafloaf.observability import folder

Source = Callable[[], Iterable[Metric]]

DATABASE_UP = metering.gauge(
    "leafloaf_database_up",
    "1 when the database answers, 0 while it is away: then nothing is told of what is read from it.",
)


@dataclass
class Kept:
    """What gauges said, for as long as that is fresh enough: several who scrape cost no more than one."""

    read_at: float = float("-inf")
    metrics: list[Metric] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fresh(self, source: Source, seconds: float) -> list[Metric]:
        with self.lock:
            if time.monotonic() - self.read_at >= seconds:
                self.metrics = list(source())
                self.read_at = time.monotonic()
            return self.metrics


_kept: dict[str, Kept] = {}


class Gauges(Collector):
    """What the sources named in `settings.METRICS` read from the database; all of it, or that it is away."""

    def collect(self) -> Iterable[Metric]:
        found: list[Metric] = []
        readings, is_up = Readings(), True
        try:
            database.refuse_if_away()
            for path, seconds in settings.METRICS.items():
                found += _kept.setdefault(path, Kept()).fresh(import_string(path), seconds)
        except (OperationalError, InterfaceError) as error:
            if not database.is_gone(error):
                raise
            database.suspect()
            found, is_up = [], False
        readings.add(DATABASE_UP, is_up)
        return [*found, *readings.metrics()]


class Instruments(Collector):
    """What the processes of this machine counted; of this process alone where there is no folder."""

    def collect(self) -> Iterable[Metric]:
        path = folder.in_use()
        if path is None:
            return list(metering.registry.collect())
        with folder.locked(path):
            folder.fold(path)
            return list(MultiProcessCollector.merge(folder.files(path)))


def text(*collectors: Collector) -> bytes:
    """The exposition in the text format 0.0.4."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


def forget() -> None:
    """Lets every gauge be read anew."""
    _kept.clear()
