"""Reading the log back: the records of a sealed batch."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection

from capture.models import DeadLetter, OutboxBatch
from capture.partitions import start_of
from capture.records import Record
from capture.sinks.base import BatchRefused
from leafloaf.lib import statements

READ = """
    SELECT event_id, event_type, received_at, occurred_at, subject_id::text, session_id, payload::text, schema_version
    FROM capture_event
    WHERE (xid, id) >= (%(first_xid)s::text::xid8, %(first_id)s)
      AND (xid, id) <= (%(last_xid)s::text::xid8, %(last_id)s)
      AND received_at >= %(day)s AND received_at < %(next_day)s {only}
    ORDER BY xid, id
    LIMIT %(limit)s
"""
"""The limit, one more than was sealed, has Postgres walk the index even where it knows nothing of the day yet."""
READ_ALL = READ.format(only="")
READ_THESE = READ.format(only="AND event_id = ANY(%(event_ids)s)")
MEMBERS = """
    SELECT batch.id, array_agg(event.event_id ORDER BY event.xid, event.id)
    FROM capture_outboxbatch AS batch CROSS JOIN LATERAL (
        SELECT xid, id, event_id FROM capture_event
        WHERE (xid, id) >= (batch.first_xid, batch.first_id) AND (xid, id) <= (batch.last_xid, batch.last_id)
          AND received_at >= batch.day::timestamp AT TIME ZONE 'UTC'
          AND received_at < (batch.day + 1)::timestamp AT TIME ZONE 'UTC'
        ORDER BY xid, id LIMIT batch.count + 1
    ) AS event
    WHERE batch.id = ANY(%s::bigint[])
    GROUP BY batch.id
"""
OLDEST_DAY = """
    SELECT min(day) FROM (
        SELECT to_date(substring(inhrelid::regclass::text FROM '_p([0-9]{8})$'), 'YYYYMMDD') AS day
        FROM pg_inherits WHERE inhparent = 'capture_event'::regclass
        UNION ALL SELECT (min(received_at) AT TIME ZONE 'UTC')::date FROM capture_event_default
    ) AS days
"""


def read(batch: OutboxBatch) -> list[Record]:
    """The batch's records in the order of the log, without those that left it as dead letters.

    Raises:
        BatchRefused: the log no longer holds what was sealed.
    """
    records = _replayed(batch) if batch.is_replay else _range(batch)
    if not is_whole(batch, [record.event_id for record in records]):
        raise BatchRefused(
            f"the log holds {len(records)} of the {sealed(batch)} events that were sealed, or others"
        )
    if not batch.excluded or batch.is_replay:
        return records
    left = set(DeadLetter.objects.filter(batch=batch).values_list("event_id", flat=True))
    return [record for record in records if record.event_id not in left]


def sealed(batch: OutboxBatch) -> int:
    """How many events the log must hold of the batch.

    What leaves a replay batch leaves its checksum too; a range of the log keeps the one it was sealed with.
    """
    return batch.count - batch.excluded if batch.is_replay else batch.count


def is_whole(batch: OutboxBatch, event_ids: Sequence[str]) -> bool:
    """Whether these, in order, are the events that the batch was sealed with, or that erasure has left of them."""
    return len(event_ids) == sealed(batch) and checksum(event_ids) == batch.checksum


def members(batches: Iterable[OutboxBatch]) -> dict[int, list[str]]:
    """The ids of the events that the log has in each batch, in order; one too many where it has others."""
    found: dict[int, list[str]] = {}
    ranges: list[int] = []
    for batch in batches:
        if batch.is_replay:
            found[batch.id] = [record.event_id for record in _replayed(batch)]
        else:
            found[batch.id] = []
            ranges.append(batch.id)
    for key, event_ids in statements.fetch(MEMBERS, [ranges]) if ranges else ():
        found[key] = event_ids
    return found


def _range(batch: OutboxBatch) -> list[Record]:
    return _records(READ_ALL, _bounds(batch))


def _replayed(batch: OutboxBatch) -> list[Record]:
    """The events of the dead letters that the batch tries again, which lie scattered over its range."""
    event_ids = list(DeadLetter.objects.filter(replay_batch=batch).values_list("event_id", flat=True))
    return _records(READ_THESE, _bounds(batch) | {"event_ids": event_ids})


def _bounds(batch: OutboxBatch) -> dict[str, Any]:
    day = start_of(batch.day)
    return {
        "first_xid": str(batch.first_xid),
        "first_id": batch.first_id,
        "last_xid": str(batch.last_xid),
        "last_id": batch.last_id,
        "day": day,
        "next_day": day + timedelta(days=1),
        "limit": batch.count + 1,
    }


def _records(query: str, parameters: dict[str, Any]) -> list[Record]:
    return [Record(*row) for row in statements.fetch(query, parameters)]


def oldest_day() -> date:
    """The first UTC day that the log still holds, or today when it has no partition at all."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_DAY)
        found: date | None = cursor.fetchone()[0]
    return found or datetime.now(UTC).date()


def checksum(event_ids: Any) -> str:
    """MD5 over the ids in order, each ended by a newline; against mistakes, not attackers."""
    return hashlib.md5("\n".join([*event_ids, ""]).encode(), usedforsecurity=False).hexdigest()
