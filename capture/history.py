"""The stored readings over time, thinned out by Postgres to what a chart can show."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db import connection

Moments = list[tuple[datetime, float | None]]
Key = Literal["1h", "24h", "7d"]


@dataclass(frozen=True)
class Range:
    """How far a chart looks back, and how much time one of its points stands for."""

    key: Key
    title: str
    span: timedelta
    step: timedelta


RANGES = (
    Range("1h", "1 hour", timedelta(hours=1), timedelta(minutes=1)),
    Range("24h", "24 hours", timedelta(hours=24), timedelta(minutes=15)),
    Range("7d", "7 days", timedelta(days=7), timedelta(minutes=90)),
)
"""None has more than 120 points."""

# The worst lag of each step; the throughput between the last reading of a step and that of the step before.
# Pruning old batches makes `delivered` fall: that is no negative throughput.
READINGS = """
    WITH thinned AS (
        SELECT sink, date_bin(%(step)s, taken_at, %(origin)s) AS moment, max(lag_seconds) AS worst,
               max(taken_at) AS last_taken_at, (array_agg(delivered ORDER BY taken_at DESC))[1] AS delivered
        FROM capture_reading WHERE taken_at >= %(since)s AND taken_at <= %(until)s GROUP BY 1, 2
    )
    SELECT sink, moment, worst,
           greatest(0, delivered - lag(delivered) OVER earlier) * 60
           / extract(epoch FROM last_taken_at - lag(last_taken_at) OVER earlier)
    FROM thinned WINDOW earlier AS (PARTITION BY sink ORDER BY moment)
"""
ORIGIN = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class History:
    """One sink over time: its lag in seconds, and the events delivered in a minute."""

    lag: Moments
    throughput: Moments


def of_sinks(chosen: Range, now: datetime) -> dict[str, History]:
    """The sinks that were read in that time; every history has the same moments."""
    first = now - (now - ORIGIN) % chosen.step - chosen.span
    steps = [first + number * chosen.step for number in range(chosen.span // chosen.step + 1)]
    lags: defaultdict[str, dict[datetime, float]] = defaultdict(dict)
    rates: defaultdict[str, dict[datetime, float]] = defaultdict(dict)
    for sink, moment, lag, rate in _readings(first - chosen.step, now, chosen.step):
        lags[sink][moment] = lag
        if rate is not None:
            rates[sink][moment] = float(rate)
    return {
        sink: History(
            lag=[(moment, lags[sink].get(moment)) for moment in steps],
            throughput=[(moment, rates[sink].get(moment)) for moment in steps],
        )
        for sink in lags
    }


def _readings(
    since: datetime, until: datetime, step: timedelta
) -> Iterator[tuple[str, datetime, float, float | None]]:
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {"step": step, "origin": ORIGIN, "since": since, "until": until}
        cursor.execute(READINGS, parameters)
        yield from cursor.fetchall()
