"""Reading the log back: the records of a sealed batch."""

import hashlib
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
    # What leaves a replay batch leaves its checksum too; a range of the log keeps the one it was sealed with.
    count = batch.count - batch.excluded if batch.is_replay else batch.count
    if len(records) != count or checksum([record.event_id for record in records]) != batch.checksum:
        raise BatchRefused(f"the log holds {len(records)} of the {count} events that were sealed, or others")
    if not batch.excluded or batch.is_replay:
        return records
    left = set(DeadLetter.objects.filter(batch=batch).values_list("event_id", flat=True))
    return [record for record in records if record.event_id not in left]


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
