"""*Backend health* as gauges: how each sink, the ledger and the log's horizon are, from stored readings and rows."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from prometheus_client import Metric

from capture import glances, health
from capture.glances import Glance
from capture.models import Sink
from leafloaf.lib.metering import Readings, gauge

STATES = ("healthy", "degraded", "unhealthy", "disabled")
LEDGER_DAYS = 14
REFUSED_FOR = timedelta(days=1)

ON = gauge(
    "leafloaf_sink_on", "1 while events are delivered to the sink, 0 while it is switched off.", "sink"
)
PAUSED = gauge("leafloaf_sink_paused", "1 while staff have paused the sink.", "sink")
HEALTH = gauge("leafloaf_sink_health", "1 for the state that the sink was last read in.", "sink", "state")
READ_AT = gauge("leafloaf_sink_read_timestamp_seconds", "When the sink was last read.", "sink")
WAITING = gauge("leafloaf_sink_waiting_events", "Events of the log that the sink has not got.", "sink")
LAG = gauge("leafloaf_sink_lag_seconds", "Age of the oldest event that the sink has not got.", "sink")
LAG_ALLOWED = gauge(
    "leafloaf_sink_lag_allowed_seconds", "From so much lag on the sink counts as degraded.", "sink"
)
DELIVERED = gauge(
    "leafloaf_sink_delivered_events", "Events delivered so far, over restarts; of retained batches.", "sink"
)
DEAD = gauge("leafloaf_sink_dead_letters", "Dead letters that nobody has dealt with.", "sink")
BLOCKED = gauge(
    "leafloaf_sink_blocked_batches", "Batches that wait for a person; at most 100 are counted.", "sink"
)
FAILURES = gauge("leafloaf_sink_failures", "Failed deliveries in a row.", "sink")
CIRCUIT = gauge(
    "leafloaf_sink_circuit_open", "1 while the circuit is open or half open, after a failure.", "sink"
)
DOUBLED = gauge(
    "leafloaf_sink_doubled", "1 while the store was found to hold an event more than once.", "sink"
)
DRIFTED = gauge(
    "leafloaf_sink_schema_drift",
    "1 while the store's tables were found to differ from the vocabulary.",
    "sink",
)
TEST = gauge("leafloaf_connection_test_ok", "Whether the last test of the connection went well.", "sink")
TEST_SECONDS = gauge("leafloaf_connection_test_seconds", "How long the sink took to answer it.", "sink")
LEDGER = gauge(
    "leafloaf_ledger_events",
    f"Events of the last {LEDGER_DAYS} days by account: captured = delivered + pending + dead + discarded.",
    "sink",
    "account",
)
OPEN_DAYS = gauge(
    "leafloaf_ledger_open_days", "Days whose account does not add up: something is lost.", "sink"
)
OPEN_EVENTS = gauge(
    "leafloaf_ledger_open_events", "Events that the accounts of those days cannot explain.", "sink"
)
CLOSED_AT = gauge("leafloaf_ledger_counted_timestamp_seconds", "When the ledger was last counted.", "sink")
HORIZON = gauge(
    "leafloaf_log_horizon_age_seconds",
    "For how long a transaction that wrote had been open when the horizon was last read: younger events reach no sink.",
)
HORIZON_AT = gauge("leafloaf_log_horizon_read_timestamp_seconds", "When the horizon was last read.")
REFUSED = gauge(
    "leafloaf_refused_faults_24h",
    "Faults found at the door in the last 24 hours by their code, and events sent again as `duplicate`.",
    "code",
)
NOTICES = gauge("leafloaf_notices", "What tasks have found that staff must see to, by what found it.", "kind")

ROWS = """
    SELECT %(ledger)s, ARRAY[sink, account], events::float8 FROM (
        SELECT sink, sum(captured), sum(delivered), sum(pending), sum(dead), sum(discarded)
        FROM capture_ledgerday WHERE day >= %(since)s GROUP BY 1
    ) AS sums (sink, captured, delivered, pending, dead, discarded) CROSS JOIN LATERAL (VALUES
        ('captured', captured), ('delivered', delivered), ('pending', pending), ('dead', dead),
        ('discarded', discarded)) AS each (account, events)
    UNION ALL SELECT %(closed_at)s, ARRAY[sink], extract(epoch FROM max(counted_at))::float8
        FROM capture_ledgerday WHERE day >= %(since)s GROUP BY sink
    UNION ALL SELECT name, ARRAY[sink], value FROM (
        SELECT sink, count(*) FILTER (WHERE difference <> 0) AS days, sum(abs(difference)) AS events FROM (
            SELECT sink, captured - delivered - pending - dead - discarded AS difference FROM capture_ledgerday
        ) AS accounts GROUP BY sink
    ) AS sums CROSS JOIN LATERAL (VALUES
        (%(open_days)s, days::float8), (%(open_events)s, events::float8)) AS each (name, value)
    UNION ALL SELECT name, ARRAY[]::text[], value FROM (
        SELECT age_seconds, taken_at FROM capture_horizonreading ORDER BY taken_at DESC LIMIT 1
    ) AS latest CROSS JOIN LATERAL (VALUES
        (%(horizon)s, age_seconds), (%(horizon_at)s, extract(epoch FROM taken_at)::float8)) AS each (name, value)
    UNION ALL SELECT %(notices)s, ARRAY[kind], count(*)::float8 FROM (
        SELECT kind FROM capture_notice LIMIT 1000) AS few GROUP BY kind
    UNION ALL SELECT %(refused)s, ARRAY[code], sum(count)::float8
        FROM capture_rejectioncount WHERE hour > %(refused_since)s GROUP BY code
    UNION ALL SELECT name, ARRAY[sink_id], value FROM capture_connectiontest CROSS JOIN LATERAL (VALUES
        (%(test)s, (error = '')::int::float8), (%(test_seconds)s, seconds)) AS each (name, value)
        WHERE answered_at IS NOT NULL
"""
"""A ledger has a few rows for each day that is kept, rejections a few for each hour; none of the others has more."""


def read() -> Iterable[Metric]:
    readings, newest = Readings(), health.latest()
    for name, glance in glances.of_sinks().items():
        _add_state(readings, name, glance)
    for name, last in newest.items():
        for state in STATES:
            readings.add(HEALTH, last.health == state, name, state)
        readings.add(READ_AT, last.taken_at, name)
        readings.add(WAITING, last.waiting, name)
        readings.add(LAG, last.lag_seconds, name)
        readings.add(DELIVERED, last.delivered, name)
        readings.add(DEAD, last.dead, name)
    for name, labels, value in _rows():
        if name not in BY_SINK or labels[0] in settings.SINKS:
            readings.add(name, value, *labels)
    return readings.metrics()


def _add_state(readings: Readings, name: str, glance: Glance) -> None:
    readings.add(ON, glance.is_on, name)
    readings.add(PAUSED, glance.state == Sink.State.PAUSED, name)
    readings.add(LAG_ALLOWED, health.LAG_ALLOWED.get(name, health.OTHER_LAG_ALLOWED), name)
    readings.add(BLOCKED, glance.blocked, name)
    readings.add(FAILURES, glance.failures, name)
    readings.add(CIRCUIT, glance.failures > 0, name)
    readings.add(DOUBLED, glance.is_doubled, name)
    readings.add(DRIFTED, glance.is_drifted, name)


BY_SINK = {LEDGER, OPEN_DAYS, OPEN_EVENTS, CLOSED_AT, TEST, TEST_SECONDS}


def _rows() -> list[tuple[str, list[str], float]]:
    named: dict[str, Any] = {
        "ledger": LEDGER,
        "closed_at": CLOSED_AT,
        "open_days": OPEN_DAYS,
        "open_events": OPEN_EVENTS,
        "horizon": HORIZON,
        "horizon_at": HORIZON_AT,
        "notices": NOTICES,
        "refused": REFUSED,
        "refused_since": datetime.now(UTC) - REFUSED_FOR,
        "test": TEST,
        "test_seconds": TEST_SECONDS,
        "since": datetime.now(UTC).date() - timedelta(days=LEDGER_DAYS - 1),
    }
    with connection.cursor() as cursor:
        cursor.execute(ROWS, named)
        return list(cursor.fetchall())
