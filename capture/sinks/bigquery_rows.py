"""People's rows in the tables of BigQuery: found, deleted, read again, given away.

Invariants:
* Every statement is bounded on both sides on `timestamp`; a deletion by the very rows that were seen before it.
* Nobody stands in the text of a statement: pseudonyms and visits travel as parameters.
* A deletion's answer is never believed: whoever asks for one looks again. It is one statement, all or nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any

from google.api_core import exceptions
from google.cloud import bigquery

from capture import schema
from capture.sinks.base import TIMEOUT_SECONDS, Misconfigured, Unavailable
from capture.sinks.bigquery import LEAST_QUERIED, BigQuerySink
from capture.sinks.bigquery_answers import FAILURES, classified
from capture.sinks.meter import queries

SINCE, UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Wider than any table: what does not belong there, or did not expire as it should, must be found too."""
MICROSECOND = timedelta(microseconds=1)
TIME_TRAVEL_HOURS = 168
"""What a data set has that says nothing (BigQuery documentation, "Data retention with time travel and fail-safe")."""
FAIL_SAFE = timedelta(days=7)
"""After the time travel Google itself can still bring rows back (ibid.)."""

WITHIN = "timestamp >= @since AND timestamp < @until"
THEIRS = f"{WITHIN} AND (user_id IN UNNEST(@subjects) OR user_id IS NULL AND session_id IN UNNEST(@sessions))"
LOOK = f"""
    SELECT '{{event_type}}' AS event_type, user_id, IF(user_id IS NULL, session_id, NULL) AS visit, batch,
           COUNT(*) AS copies, MIN(timestamp) AS first, MAX(timestamp) AS last, CURRENT_TIMESTAMP() AS seen_at
    FROM `{{table}}` WHERE {THEIRS}
    GROUP BY 2, 3, 4
"""  # noqa: S608 (our own table name)
DELETE = f"DELETE FROM `{{table}}` WHERE {THEIRS} AND batch NOT IN UNNEST(@spared)"  # noqa: S608
READ = f"SELECT * FROM `{{table}}` WHERE {THEIRS} ORDER BY timestamp, event_id, batch"  # noqa: S608
COUNT = f"""
    SELECT '{{event_type}}' AS event_type,
           COUNTIF(user_id IN UNNEST(@subjects)) + COUNTIF(user_id IS NULL AND session_id IN UNNEST(@sessions)) AS found
    FROM `{{table}}` WHERE {WITHIN}
"""  # noqa: S608
"""For the reader after a deletion: not the condition that the deletion had."""


class Missing(Misconfigured):
    """There is no such table, or no data set for it to be in."""


class StillStreaming(Exception):
    """The deletion would have touched rows in the streaming buffer; nothing was deleted."""


@dataclass(frozen=True)
class People:
    """Whose rows: those of these pseudonyms, and those without one of these visits; received in this time."""

    subjects: Sequence[str]
    sessions: Sequence[str]
    since: datetime = SINCE
    until: datetime = UNTIL

    def parameters(self) -> list[Any]:
        return [
            bigquery.ArrayQueryParameter("subjects", "STRING", list(self.subjects)),
            bigquery.ArrayQueryParameter("sessions", "STRING", list(self.sessions)),
            bigquery.ScalarQueryParameter("since", "TIMESTAMP", self.since),
            bigquery.ScalarQueryParameter("until", "TIMESTAMP", self.until),
        ]


@dataclass(frozen=True)
class Seen:
    """Rows of one person, or one visit, in one table, that came in one batch. `seen_at` is by BigQuery's clock."""

    event_type: str
    user_id: str | None
    session_id: str | None
    batch: str
    rows: int
    first: datetime
    last: datetime
    seen_at: datetime


def look(sink: BigQuerySink, people: People) -> list[Seen]:
    """What the tables hold of these people, as far as there are tables.

    Raises:
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    try:
        there = present(sink)
    except Missing:
        return []
    wanted = {
        sink.table(event_type): event_type for event_type, name in schema.TABLES.items() if name in there
    }
    return [Seen(*row.values()) for row in _of_all(sink, LOOK, wanted, people)]


def present(sink: BigQuerySink) -> set[str]:
    """The names of the tables and views that exist.

    Raises:
        Missing: there is no data set.
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    try:
        name = f"{sink.project}.{sink.dataset}"
        found = sink.client.list_tables(name, retry=None, timeout=TIMEOUT_SECONDS)  # type: ignore[arg-type]
        return {table.table_id for table in found}
    except exceptions.NotFound as error:
        raise Missing("the data set does not exist") from error
    except FAILURES as error:
        raise classified(error) from error


def rows(sink: BigQuerySink, event_type: str, people: People) -> list[dict[str, Any]]:
    """Their rows with all columns, oldest first; nothing when there is no such table.

    Raises:
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    try:
        return [dict(row) for row in _asked(sink, READ.format(table=sink.table(event_type)), people)]
    except Missing:
        return []


def delete(
    sink: BigQuerySink, event_type: str, people: People, seen: Sequence[Seen], spared: Collection[str]
) -> None:
    """Deletes what was seen, but for these batches; a job of the same name that still runs is waited for instead.

    Raises:
        StillStreaming: see there.
        Unavailable: also when nobody knows whether it was done.
        Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    wanted = [each for each in seen if each.batch not in spared]
    bounded = People(
        people.subjects,
        people.sessions,
        min(each.first for each in wanted),
        max(each.last for each in wanted) + MICROSECOND,
    )
    config = bigquery.QueryJobConfig(
        query_parameters=[
            *bounded.parameters(),
            bigquery.ArrayQueryParameter("spared", "STRING", sorted(spared)),
        ]
    )
    table = sink.table(event_type)
    try:
        job = _begun(sink, DELETE.format(table=table), config, _name(table, people))
        job.result(timeout=TIMEOUT_SECONDS, retry=None, job_retry=None)
        queries.add(max(LEAST_QUERIED, job.total_bytes_billed or 0))
    except exceptions.BadRequest as error:
        # The same columns were just read with the same parameters, so that this is what is left to be wrong.
        raise StillStreaming if _is_streaming(sink, table) else classified(error) from error
    except FAILURES as error:
        raise classified(error) from error
    except TimeoutError as error:
        raise Unavailable(f"the deletion is not done after {TIMEOUT_SECONDS:.0f} s") from error


def _begun(sink: BigQuerySink, query: str, config: Any, name: str) -> Any:
    """The job under the first name that no finished one has: BigQuery never gives a name twice."""
    for number in count():
        job_id = f"{name}_{number}"
        try:
            return sink.client.query(
                query,
                job_config=config,
                job_id=job_id,
                retry=None,  # type: ignore[arg-type]
                timeout=TIMEOUT_SECONDS,
                job_retry=None,
            )
        except exceptions.Conflict:
            job = sink.client.get_job(job_id, retry=None, timeout=TIMEOUT_SECONDS)  # type: ignore[arg-type]
            if job.state != "DONE":
                return job
    raise AssertionError("there are enough numbers")


def _name(table: str, people: People) -> str:
    """The same for the same people and table, in any process; says nothing of them."""
    said = "\n".join([table, *sorted(people.subjects), "", *sorted(people.sessions), str(people.until)])
    return f"leafloaf_erase_{sha256(said.encode()).hexdigest()[:40]}"


def _is_streaming(sink: BigQuerySink, table: str) -> bool:
    try:
        found = sink.client.get_table(table, retry=None, timeout=TIMEOUT_SECONDS)  # type: ignore[arg-type]
    except FAILURES as error:
        raise classified(error) from error
    return found.streaming_buffer is not None


def left(sink: BigQuerySink, people: People) -> tuple[int, list[str]]:
    """How many rows a fresh reading finds, in the tables and through the views of each event once.

    Returns:
        That number, and the tables that do not exist.

    Raises:
        Missing: there is no data set.
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    there = present(sink)
    found: dict[str, int] = {}
    types = [event_type for event_type, name in schema.TABLES.items() if name in there]
    tables = {sink.table(event_type): event_type for event_type in types}
    views = {sink.once(each): each for each in types if sink.once(each).split(".")[-1] in there}
    for wanted in (tables, views):
        for row in _of_all(sink, COUNT, wanted, people):
            found[row.event_type] = max(found.get(row.event_type, 0), row.found)
    return sum(found.values()), sorted(set(schema.TABLES.values()) - there)


def _of_all(sink: BigQuerySink, query: str, tables: Mapping[str, str], people: People) -> list[Any]:
    """The answers of one query to several tables or views, in one statement."""
    queries = [query.format(table=table, event_type=event_type) for table, event_type in tables.items()]
    return _asked(sink, " UNION ALL ".join(queries), people) if queries else []


def in_all(sink: BigQuerySink) -> int:
    """Rows of everybody in all tables, as BigQuery estimates them; counting costs nothing.

    Raises:
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    total = 0
    for event_type in schema.TABLES:
        try:
            table = sink.client.get_table(sink.table(event_type), retry=None, timeout=TIMEOUT_SECONDS)  # type: ignore[arg-type]
        except exceptions.NotFound:
            continue
        except FAILURES as error:
            raise classified(error) from error
        buffered = table.streaming_buffer
        total += (table.num_rows or 0) + (buffered.estimated_rows or 0 if buffered else 0)
    return total


def recoverable_for(sink: BigQuerySink) -> timedelta:
    """How long after a deletion BigQuery itself could bring rows back: time travel, then fail-safe.

    Raises:
        Missing: there is no data set.
        Unavailable, Misconfigured, BatchRefused: as for `BaseSink.deliver`.
    """
    try:
        name = f"{sink.project}.{sink.dataset}"
        dataset = sink.client.get_dataset(name, retry=None, timeout=TIMEOUT_SECONDS)  # type: ignore[arg-type]
    except exceptions.NotFound as error:
        raise Missing("the data set does not exist") from error
    except FAILURES as error:
        raise classified(error) from error
    return timedelta(hours=int(dataset.max_time_travel_hours or TIME_TRAVEL_HOURS)) + FAIL_SAFE


def _asked(sink: BigQuerySink, query: str, people: People) -> list[Any]:
    try:
        return sink.ask(query, people.parameters())
    except Misconfigured as error:
        if isinstance(error.__cause__, exceptions.NotFound):
            raise Missing(str(error)) from error.__cause__
        raise
