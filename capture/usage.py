"""What the warehouse was given and what that took, by UTC day, table and way of writing: for quotas and the bill.

Invariants:
* The rows of a batch are written down in the statement that settles it, and with it or not at all: a worker that dies
  before leaves them to the one that settles the batch.
* The requests of an attempt that failed are written down with the verdict on it. Those of a worker that died are not
  known to anybody: requests may be told too few, rows never.
* Days and seconds are the database's, for workers' clocks differ; a request counts in the second of its verdict.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from capture.models import UsageDay
from capture.sinks.meter import QUERY, Place, Used, queries
from leafloaf.lib import statements

KEPT = timedelta(days=400)
"""So that a month can be compared with that of a year before; longer than any retention, of which storage is told."""
NUMBERS = tuple(field.name for field in fields(Used))

# Who writes from `settled` holds the sink's row, so that days and seconds come in order.
COUNT = """
    INSERT INTO capture_usageday AS known (day, table_name, mode, requests, sent_rows, sent_bytes, largest_rows,
        largest_bytes, streams, rows, row_bytes, billed_bytes, second, second_rows, busiest_rows, busiest_at,
        hour, hour_streams, busiest_streams)
    SELECT (clock.now AT TIME ZONE 'UTC')::date, used.*, clock.second, used.sent_rows, used.sent_rows, clock.second,
        clock.hour, used.streams, used.streams
    FROM unnest(%(table_name)s::text[], %(mode)s::text[], %(requests)s::bigint[], %(sent_rows)s::bigint[],
        %(sent_bytes)s::bigint[], %(largest_rows)s::bigint[], %(largest_bytes)s::bigint[], %(streams)s::bigint[],
        %(rows)s::bigint[], %(row_bytes)s::bigint[], %(billed_bytes)s::bigint[])
        AS used (table_name, mode, requests, sent_rows, sent_bytes, largest_rows, largest_bytes, streams, rows,
            row_bytes, billed_bytes),
        LATERAL (SELECT now, date_trunc('second', now) AS second, date_trunc('hour', now, 'UTC') AS hour
            FROM clock_timestamp() AS now) AS clock
    WHERE {condition}
    ORDER BY used.table_name, used.mode
    ON CONFLICT (day, table_name, mode) DO UPDATE SET
        requests = known.requests + excluded.requests,
        sent_rows = known.sent_rows + excluded.sent_rows,
        sent_bytes = known.sent_bytes + excluded.sent_bytes,
        largest_rows = greatest(known.largest_rows, excluded.largest_rows),
        largest_bytes = greatest(known.largest_bytes, excluded.largest_bytes),
        streams = known.streams + excluded.streams,
        rows = known.rows + excluded.rows,
        row_bytes = known.row_bytes + excluded.row_bytes,
        billed_bytes = known.billed_bytes + excluded.billed_bytes,
        second = excluded.second,
        second_rows = {second_rows},
        busiest_rows = greatest(known.busiest_rows, {second_rows}),
        busiest_at = CASE WHEN {second_rows} > known.busiest_rows THEN excluded.second ELSE known.busiest_at END,
        hour = excluded.hour,
        hour_streams = {hour_streams},
        busiest_streams = greatest(known.busiest_streams, {hour_streams})
"""
SUMS = {
    "second_rows": "excluded.second_rows + (known.second = excluded.second)::int * known.second_rows",
    "hour_streams": "excluded.hour_streams + (known.hour = excluded.hour)::int * known.hour_streams",
}
WITH_SETTLED = COUNT.format(condition="EXISTS (SELECT FROM settled)", **SUMS)
"""As part of the statement that settles a batch."""
ALONE = COUNT.format(condition="true", **SUMS)

SINCE = """
    SELECT min(id) AS id, day, CASE WHEN day = %(today)s THEN table_name ELSE '' END AS table_name, mode,
        sum(requests)::bigint AS requests, sum(sent_rows)::bigint AS sent_rows, sum(sent_bytes)::bigint AS sent_bytes,
        sum(rows)::bigint AS rows, sum(row_bytes)::bigint AS row_bytes, sum(billed_bytes)::bigint AS billed_bytes,
        sum(streams)::bigint AS streams, max(largest_rows) AS largest_rows, max(largest_bytes) AS largest_bytes,
        max(busiest_rows) AS busiest_rows, max(busiest_at) AS busiest_at, max(busiest_streams) AS busiest_streams
    FROM capture_usageday WHERE day >= %(since)s GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
"""


def parameters(used: Mapping[Place, Used]) -> dict[str, list[Any]]:
    """The values that `WITH_SETTLED` asks for."""
    taken = {name: [getattr(one, name) for one in used.values()] for name in NUMBERS}
    return {"table_name": [table for table, _ in used], "mode": [mode for _, mode in used], **taken}


def record(used: Mapping[Place, Used]) -> None:
    """Writes down what no settling does: in the transaction that is open, if one is."""
    if used:
        statements.fetch(ALONE, parameters(used))


def record_queries() -> None:
    """Writes down the queries that this process had run since the last time; one statement, or none."""
    count, billed = queries.take()
    if count:
        record({("", QUERY): Used(requests=count, billed_bytes=billed)})


def since(first: date, today: date) -> list[UsageDay]:
    """Each day and way of writing in one row, but today's apart by table: a few hundred rows at most."""
    return list(UsageDay.objects.raw(SINCE, {"since": first, "today": today}))


def prune(now: datetime | None = None) -> None:
    cutoff = (now or datetime.now(UTC)).astimezone(UTC).date() - KEPT
    UsageDay.objects.filter(day__lt=cutoff).delete()
