"""What is captured, how long that takes, and how its delivery goes."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product

from django.conf import settings

from capture import events
from leafloaf.lib import metering

ACCEPTED, DUPLICATE, REJECTED, SUPPRESSED = "accepted", "duplicate", "rejected", "suppressed"
UNKNOWN = "unknown"
"""The type of an event that none can be told of."""
DELIVERED, POSTPONED, BLOCKED, LOST = "delivered", "postponed", "blocked", "taken_over"
REFUSED = "refused"
ERROR_CLASSES = ("Unavailable", "OverQuota", "Misconfigured", "BatchRefused", "RowsRefused")
SINKS = tuple(settings.SINKS)
LAGS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 75.0, 150.0, 600.0, 3600.0)
"""Of what waits for a store; 2, 10 and 75 are the targets."""

EVENTS = metering.counter(
    "leafloaf_events_total",
    "Events by type and by what became of them: `accepted`, `duplicate`, `rejected`, `suppressed`. "
    "The type is `unknown` where it cannot be told.",
    "event_type",
    "outcome",
    values=[
        *product(events.TYPES, (ACCEPTED, DUPLICATE, REJECTED, SUPPRESSED)),
        (UNKNOWN, REJECTED),
    ],
)
FAULTS = metering.counter(
    "leafloaf_event_faults_total", "Reasons why events were rejected, by their code.", "code"
)
SIGNAL_LAG = metering.histogram(
    "leafloaf_signal_lag_seconds",
    "From when a request's events were checked until they are committed, and the next search knows of them.",
)
GRAPH_WRITE = metering.histogram(
    "leafloaf_graph_write_seconds",
    "The statement that stores a request's events together with what profiles and graph remember of them.",
)
SPANNER_COMMIT = metering.histogram(
    "leafloaf_spanner_commit_seconds",
    "How long Spanner took to commit a part of the graph that it has a copy of.",
)
BATCHES = metering.counter(
    "leafloaf_sink_batches_total",
    "Batches by sink and by what became of the attempt: `delivered`, `postponed`, `blocked`, `taken_over`.",
    "sink",
    "outcome",
    values=product(SINKS, (DELIVERED, POSTPONED, BLOCKED, LOST)),
)
SINK_EVENTS = metering.counter(
    "leafloaf_sink_events_total",
    "Events by sink: `delivered`, or `refused` for good, which makes dead letters.",
    "sink",
    "outcome",
    values=product(SINKS, (DELIVERED, REFUSED)),
)
RETRIES = metering.counter(
    "leafloaf_sink_retries_total",
    "Attempts that were not a batch's first.",
    "sink",
    values=[(sink,) for sink in SINKS],
)
ERRORS = metering.counter(
    "leafloaf_sink_errors_total",
    "Errors of stores, by the class that decides what is done about them.",
    "sink",
    "error",
    values=product(SINKS, ERROR_CLASSES),
)
SENDING = metering.histogram("leafloaf_sink_delivery_seconds", "How long a store took over a batch.", "sink")
SINK_LAG = metering.histogram(
    "leafloaf_sink_event_lag_seconds",
    "How old the oldest event of a batch was when it was delivered.",
    "sink",
    buckets=LAGS,
)


def note_events(outcome: str, types: Iterable[str]) -> None:
    for event_type, number in Counter(types).items():
        EVENTS.labels(event_type or UNKNOWN, outcome).inc(number)


def note_faults(codes: Iterable[str]) -> None:
    for code, number in Counter(codes).items():
        FAULTS.labels(code).inc(number)


def note_outcome(sink: str, outcome: str) -> None:
    BATCHES.labels(sink, outcome).inc()


def note_delivered(sink: str, events: int, lag_seconds: float) -> None:
    note_outcome(sink, DELIVERED)
    SINK_EVENTS.labels(sink, DELIVERED).inc(events)
    SINK_LAG.labels(sink).observe(max(0.0, lag_seconds))


def note_refused(sink: str, events: int) -> None:
    SINK_EVENTS.labels(sink, REFUSED).inc(events)


@contextmanager
def sending(sink: str, is_repeated: bool) -> Iterator[None]:
    """Around one request to a store."""
    if is_repeated:
        RETRIES.labels(sink).inc()
    started = time.perf_counter()
    try:
        yield
    finally:
        SENDING.labels(sink).observe(time.perf_counter() - started)


def note_error(sink: str, error: Exception) -> None:
    ERRORS.labels(sink, type(error).__name__).inc()
