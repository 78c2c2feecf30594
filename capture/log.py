"""Reading the log back: the records of a sealed batch."""

import hashlib
from datetime import timedelta
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
    WHERE (xid, id) >= (%s, %s) AND (xid, id) <= (%s, %s) AND received_at >= %s AND received_at < %s
    ORDER BY xid, id
"""


def read(batch: OutboxBatch) -> list[Record]:
    """The batch's records in the order of the log, without those that left it as dead letters.

    Raises:
        BatchRefused: the log no longer holds what was sealed.
    """
    day = start_of(batch.day)
    bounds: list[Any] = [str(batch.first_xid), batch.first_id, str(batch.last_xid), batch.last_id]
    with connection.cursor() as cursor:
        cursor.execute(READ, [*bounds, day, day + timedelta(days=1)])
        records = [_record(row) for row in cursor.fetchall()]
    if len(records) != batch.count or checksum(record.event_id for record in records) != batch.checksum:
        raise BatchRefused(
            f"the log holds {len(records)} of the {batch.count} events that were sealed, or others"
        )
    if not batch.excluded:
        return records
    left = set(DeadLetter.objects.filter(batch=batch).values_list("event_id", flat=True))
    return [record for record in records if record.event_id not in left]


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
