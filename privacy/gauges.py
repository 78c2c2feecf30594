"""*Deletion requests* and *Privacy metrics* as gauges. Nothing here tells whose a request is."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from prometheus_client import Metric

from leafloaf.lib.metering import Readings, gauge
from privacy import deletion_metrics, deletion_queue, metrics_dashboard
from privacy.erasure import steps
from privacy.models.erasure import OUTER_LIMIT

MOST = 1000
DAYS = 30

OPEN = gauge(
    "leafloaf_deletion_requests_open",
    f"Requests that are not at their end; at most {MOST} are counted.",
    "state",
)
OVERDUE = gauge("leafloaf_deletion_requests_overdue", "Those of them past their 72 hours.")
DUE_SOON = gauge("leafloaf_deletion_requests_due_soon", "Those with less than 12 hours left.")
LEFT = gauge(
    "leafloaf_deletion_least_seconds_left", "Until the first of them is past its 72 hours; negative after."
)
STOPPED = gauge("leafloaf_deletion_requests_stopped", "Those that wait for a person to decide.")
FAILING = gauge("leafloaf_deletion_requests_failing", "Those with a store that fails again and again.")
HELD = gauge("leafloaf_deletion_requests_held", "Those that a legal hold keeps.")
STEPS = gauge("leafloaf_deletion_steps", "Their steps, by store and how far they are.", "store", "state")
ENDED = gauge(
    "leafloaf_deletion_requests_30d",
    "Requests of the last 30 days: `received`, `completed`, `cancelled`, `late` (completed past their 72 hours).",
    "outcome",
)
TOOK = gauge(
    "leafloaf_deletion_seconds_30d",
    "From a request, its cooling-off included, to its certificate.",
    "quantile",
)
PEOPLE = gauge("leafloaf_people", "Persons known, rounded down to fives.")
SETTINGS = gauge(
    "leafloaf_people_by_setting", "Persons who set something to other than its default, likewise.", "setting"
)
SAID = gauge(
    "leafloaf_privacy_choices_13w",
    "What people said in 13 weeks, likewise: `given` or `withdrawn`.",
    "purpose",
    "said",
)
EXPORTS = gauge("leafloaf_exports_13w", "Exports of 13 weeks, likewise: `asked`, `made`, `taken`.", "stage")
EXPORT_SINCE = gauge(
    "leafloaf_export_waiting_since_timestamp_seconds",
    "When the oldest export was asked for that is not made yet.",
)
ACCESSES = gauge(
    "leafloaf_staff_accesses_13w",
    "Pages of a person that staff opened in 13 weeks, by the reason given.",
    "reason",
)
NIGHT = gauge("leafloaf_retention_night_timestamp_seconds", "When retentions were last enforced.")
COUNTED = gauge("leafloaf_privacy_report_timestamp_seconds", "When the numbers of people were last counted.")

OPEN_ONES = """
    WITH open AS MATERIALIZED (
        SELECT id, state, question, coalesce(purge_at, created_at) + %(limit)s AS due_at FROM privacy_deletionrequest
        WHERE kind = 'erasure' AND state NOT IN ('certified', 'cancelled') ORDER BY created_at LIMIT %(most)s
    ), step AS MATERIALIZED (
        SELECT request_id, store, step.state, needs_attention <> '' AS has_stopped,
               failures >= %(alarm)s AS is_failing, held_at IS NOT NULL AS is_held
        FROM open JOIN privacy_deletionstep AS step ON request_id = open.id
    ), ill AS (
        SELECT open.*, question <> '' OR coalesce(bool_or(has_stopped), false) AS has_stopped,
               coalesce(bool_or(is_failing), false) AS is_failing, coalesce(bool_or(is_held), false) AS is_held
        FROM open LEFT JOIN step ON request_id = open.id
        GROUP BY open.id, open.state, open.question, open.due_at
    ), sums AS (
        SELECT count(*) FILTER (WHERE due_at < now()) AS overdue,
               count(*) FILTER (WHERE due_at >= now() AND due_at < now() + %(soon)s) AS soon,
               count(*) FILTER (WHERE has_stopped) AS stopped, count(*) FILTER (WHERE is_failing) AS failing,
               count(*) FILTER (WHERE is_held) AS held, extract(epoch FROM min(due_at) - now())::float8 AS least
        FROM ill
    )
    SELECT name, ARRAY[]::text[], value FROM sums CROSS JOIN LATERAL (VALUES
        (%(overdue)s, overdue::float8), (%(due_soon)s, soon), (%(stopped)s, stopped), (%(failing)s, failing),
        (%(held)s, held), (%(left)s, least)) AS each (name, value)
    UNION ALL SELECT %(open)s, ARRAY[state], count(*) FROM open GROUP BY state
    UNION ALL SELECT %(steps)s, ARRAY[store, state], count(*) FROM step GROUP BY store, state
"""
"""Along the index of those that are open."""


def read() -> Iterable[Metric]:
    """The queue, as it is now."""
    readings = Readings()
    named: dict[str, Any] = {
        "limit": OUTER_LIMIT,
        "most": MOST,
        "alarm": steps.ALARM_AFTER,
        "soon": deletion_queue.LATE_SOON,
        "open": OPEN,
        "overdue": OVERDUE,
        "due_soon": DUE_SOON,
        "stopped": STOPPED,
        "failing": FAILING,
        "held": HELD,
        "left": LEFT,
        "steps": STEPS,
    }
    with connection.cursor() as cursor:
        cursor.execute(OPEN_ONES, named)
        for name, labels, value in cursor.fetchall():
            readings.add(name, value, *labels)
    return readings.metrics()


def counted() -> Iterable[Metric]:
    """What is counted over weeks: to be read now and then."""
    readings = Readings()
    last_days = deletion_metrics.Range("", "", timedelta(days=DAYS), timedelta(days=DAYS))
    total = deletion_metrics.report(last_days, timezone.now()).total
    for outcome in ("received", "completed", "cancelled", "late"):
        readings.add(ENDED, getattr(total, outcome), outcome)
    readings.add(TOOK, total.half_seconds, "0.5")
    readings.add(TOOK, total.most_seconds, "0.95")
    reading = metrics_dashboard.read()
    readings.add(NIGHT, reading.last_night)
    readings.add(EXPORT_SINCE, reading.oldest_export)
    if report := reading.report:
        readings.add(COUNTED, report.counted_at)
        _add_report(readings, report.numbers)
    return readings.metrics()


def _add_report(readings: Readings, numbers: dict[str, Any]) -> None:
    readings.add(PEOPLE, numbers["people"])
    for setting, people in numbers["settings"].items():
        readings.add(SETTINGS, people, setting)
    for said in ("given", "withdrawn"):
        for purpose, count in numbers["consents"][said].items():
            readings.add(SAID, count, purpose, said)
    for stage in ("asked", "made", "taken"):
        readings.add(EXPORTS, numbers["exports"][stage], stage)
    for reason, count in numbers["accesses"]["by_reason"].items():
        readings.add(ACCESSES, count, reason or "other")
