"""How many deletion requests came and went, and how long they took: in two ranges of indexes, whatever their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from privacy.models.erasure import OUTER_LIMIT


@dataclass(frozen=True)
class Range:
    """How far the numbers look back, and how much time a point of the chart stands for."""

    key: str
    title: str
    span: timedelta
    step: timedelta


RANGES = (
    Range("30d", "30 days", timedelta(days=30), timedelta(days=1)),
    Range("26w", "26 weeks", timedelta(weeks=26), timedelta(weeks=1)),
)

# Buckets count backwards from now: the last is whole, and no day or week is only begun.
COUNT = """
    WITH received AS (
        SELECT floor(extract(epoch FROM created_at - %(since)s::timestamptz) / %(step)s)::int AS bucket,
               count(*) AS received
        FROM privacy_deletionrequest
        WHERE kind = 'erasure' AND created_at >= %(since)s AND created_at < %(now)s
        GROUP BY GROUPING SETS ((1), ())
    ), gone AS (
        SELECT floor(extract(epoch FROM ended_at - %(since)s::timestamptz) / %(step)s)::int AS bucket, state,
               extract(epoch FROM ended_at - created_at)::float8 AS took,
               ended_at > coalesce(purge_at, created_at) + %(limit)s AS is_late
        FROM privacy_deletionrequest
        WHERE kind = 'erasure' AND ended_at >= %(since)s AND ended_at < %(now)s
    ), ended AS (
        SELECT bucket, count(*) FILTER (WHERE state = 'certified') AS completed,
               count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
               count(*) FILTER (WHERE state = 'certified' AND is_late) AS late,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY took) FILTER (WHERE state = 'certified') AS half,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY took) FILTER (WHERE state = 'certified') AS most
        FROM gone GROUP BY GROUPING SETS ((bucket), ())
    )
    SELECT coalesce(received.bucket, ended.bucket), coalesce(received, 0), coalesce(completed, 0),
           coalesce(cancelled, 0), coalesce(late, 0), half, most
    FROM received FULL JOIN ended ON coalesce(received.bucket, -1) = coalesce(ended.bucket, -1)
"""


@dataclass(frozen=True)
class Metrics:
    """Of one stretch of time."""

    received: int = 0
    completed: int = 0
    cancelled: int = 0
    late: int = 0
    """Certified later than 72 hours after they could no longer be cancelled."""
    half_seconds: float | None = None
    """From the request, its cooling-off included, to the certificate: half of them took no longer."""
    most_seconds: float | None = None


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    label: str
    points: Sequence[tuple[datetime, float | None]]


@dataclass(frozen=True)
class Report:
    """One range, as a whole and by its steps."""

    total: Metrics
    counts: list[Line]
    times: list[Line]


def report(chosen: Range, now: datetime) -> Report:
    since = now - chosen.span
    parameters: dict[str, Any] = {
        "since": since,
        "now": now,
        "step": chosen.step.total_seconds(),
        "limit": OUTER_LIMIT,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, parameters)
        found = {bucket: Metrics(*values) for bucket, *values in cursor.fetchall()}
    total = found.pop(None, Metrics())
    moments = [since + number * chosen.step for number in range(chosen.span // chosen.step)]
    steps = [found.get(number, Metrics()) for number in range(len(moments))]

    def line(label: str, name: str) -> Line:
        return Line(label, [(at, getattr(one, name)) for at, one in zip(moments, steps, strict=True)])

    return Report(
        total,
        [line("received", "received"), line("completed", "completed"), line("cancelled", "cancelled")],
        [line("half within", "half_seconds"), line("95 % within", "most_seconds")] if total.completed else [],
    )


def chosen_range(key: str) -> Range:
    return next((offered for offered in RANGES if offered.key == key), RANGES[0])
