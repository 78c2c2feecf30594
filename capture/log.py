"""Reading the log back: the records of a sealed batch."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from capture.models import DeadLetter, OutboxBatch
from capture.partitions import start_of
from capture.records import Record
from capture.sinks.base import BatchRefused

payloads = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)

READ = """
    SELECT event_id, event_type, received_at, occurred_at, subject_id, session_id, payload::text, schema_version
    FROM capture_event
    WHERE (xid, id) >= (%s, %s) AND (xid, id) <= (%s, %s) AND received_at >= %s AND received_at < %s {only}
    ORDER BY xid, id
"""
READ_ALL = READ.format(only="")
READ_THESE = READ.format(only="AND event_id = ANY(%s)")
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
    if len(records) != count or checksum(record.event_id for record in records) != batch.checksum:
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
    return _records(READ_THESE, [*_bounds(batch), event_ids])


def _bounds(batch: OutboxBatch) -> list[Any]:
    day = start_of(batch.day)
    first, last = [str(batch.first_xid), batch.first_id], [str(batch.last_xid), batch.last_id]
    return [*first, *last, day, day + timedelta(days=1)]


def _records(query: str, parameters: list[Any]) -> list[Record]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [_record(row) for row in cursor.fetchall()]


def oldest_day() -> date:
    """The first UTC day that the log still holds, or today when it has no partition at all."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_DAY)
        found: date | None = cursor.fetchone()[0]
    return found or datetime.now(UTC).date()


def checksum(event_ids: Any) -> str:
    """MD5 over the ids in order, each ended by a newline; against mistakes, not attackers."""
    return hashlib.md5(
        "".join(f"{event_id}\n" for event_id in event_ids).encode(), usedforsecurity=False
    ).hexdigest()


def _record(row: tuple[Any, ...]) -> Record:
    event_id, event_type, received_at, occurred_at, subject_id, session_id, payload, version = row
    return Record(
        event_id,
        event_type,
        received_at,
        occurred_at,
        str(subject_id) if subject_id else None,
        session_id,
        payloads.decode(payload),
        version,
    )
