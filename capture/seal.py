"""Sealing: fixing which events are in a batch before anything is sent.

Invariants:
* A batch's events, their number, checksum and object name are committed before the first attempt and never change.
* Only events of transactions that are over are sealed: below `pg_snapshot_xmin(pg_current_snapshot())` nothing
  can appear any more, so a cursor on `(xid, id)` passes over nothing.
* One sealer a sink at a time (a row lock); the cursor moves in the transaction that writes the batches.
* A batch holds events of one UTC day, so that the ledger closes by day.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from capture.log import checksum
from capture.models import OutboxBatch, Sink

BATCHES_AT_ONCE = 4
"""Few enough that Postgres walks the index for them, however much waits."""
CLOCK_MARGIN = timedelta(days=1)
"""How far `received_at` may run behind the order of transactions: web servers' clocks, and long transactions."""

READY = """
    SELECT xid, id, event_id, received_at, (received_at AT TIME ZONE 'UTC')::date
    FROM capture_event
    WHERE (xid, id) > (%s, %s) AND xid < pg_snapshot_xmin(pg_current_snapshot()) AND received_at >= %s
      AND NOT EXISTS (SELECT FROM capture_sink WHERE cursor_xid >= pg_snapshot_xmax(pg_current_snapshot()))
      AND NOT EXISTS (SELECT FROM capture_notice WHERE kind = 'future log')
    ORDER BY xid, id
    LIMIT %s
"""
WAITING = f"SELECT count(*), min(received_at) FROM ({READY}) AS ready"  # noqa: S608 (our own statement)
"""Nothing is ready while the log is another cluster's: see `capture.rebase`."""


@dataclass(frozen=True)
class Position:
    """One event's place in the log, and what a batch has to know of it."""

    xid: int
    id: int
    event_id: str
    received_at: datetime
    day: date


def due(name: str, *, now: datetime | None = None, is_final: bool = False) -> int:
    """Seals the batches that are full or old enough, for one sink; returns how many.

    Args:
        is_final: seal what is there, however little and young.
    """
    now = now or datetime.now(UTC)
    configured = settings.SINKS[name]
    size: int = configured["BATCH_SIZE"]
    latest = now - (timedelta(0) if is_final else timedelta(seconds=configured["MAX_AGE_SECONDS"]))
    if not _is_anything_due(name, size, latest):
        return 0
    with transaction.atomic():
        sink = locked(name)
        if sink is None or sink.state != Sink.State.ENABLED:
            return 0
        ready = _ready(sink, size * BATCHES_AT_ONCE)
        parts = [part for part in _parts(ready, size) if _is_due(part, ready, size, latest)]
        batches = [batch(sink, part, now) for part in parts]
        if batches:
            OutboxBatch.objects.bulk_create(batches)
            _advance(sink, parts[-1][-1])
    return len(batches)


def _is_anything_due(name: str, size: int, latest: datetime) -> bool:
    """A look without a lock, which costs an idle poll no transaction id and no write."""
    sink = Sink.objects.filter(name=name).first() or Sink(name=name)
    if sink.state != Sink.State.ENABLED:
        return False
    with connection.cursor() as cursor:
        cursor.execute(WAITING, _after(sink, size))
        count, oldest = cursor.fetchone()
    return bool(count == size or (count and oldest <= latest))


def locked(name: str) -> Sink | None:
    """The sink's row, locked; none while another sealer holds it. Made on first sight."""
    rows = Sink.objects.select_for_update(skip_locked=True, no_key=True).filter(name=name)
    if sink := rows.first():
        return sink
    Sink.objects.bulk_create([Sink(name=name)], ignore_conflicts=True)
    return rows.first()


def _after(sink: Sink, limit: int) -> list[Any]:
    """The parameters of `READY`: from the cursor on, at most so many."""
    since = (
        sink.cursor_received_at - CLOCK_MARGIN
        if sink.cursor_received_at
        else datetime.min.replace(tzinfo=UTC)
    )
    return [str(sink.cursor_xid), sink.cursor_id, since, limit]


def _ready(sink: Sink, limit: int) -> list[Position]:
    with connection.cursor() as cursor:
        cursor.execute(READY, _after(sink, limit))
        return [Position(int(xid), *rest) for xid, *rest in cursor.fetchall()]


def _parts(ready: list[Position], size: int) -> list[list[Position]]:
    """The positions cut into batches: in order, one day each, at most `size`."""
    runs = [list(run) for _, run in groupby(ready, key=lambda position: position.day)]
    return [run[start : start + size] for run in runs for start in range(0, len(run), size)]


def _is_due(part: list[Position], ready: list[Position], size: int, latest: datetime) -> bool:
    """Full, closed by the next day's events, or holding an event that has waited long enough.

    Every part but the last is full or closed, so what is due is always a prefix of the log.
    """
    return len(part) == size or part[-1] != ready[-1] or min(event.received_at for event in part) <= latest


def batch(sink: Sink, part: list[Position], now: datetime) -> OutboxBatch:
    """A batch of these events, under the next number of the sink's row, which the caller holds and stores."""
    sequence = sink.next_sequence
    sink.next_sequence += 1
    first, last = part[0], part[-1]
    return OutboxBatch(
        sink=sink.name,
        sequence=sequence,
        day=first.day,
        first_xid=first.xid,
        first_id=first.id,
        last_xid=last.xid,
        last_id=last.id,
        count=len(part),
        checksum=checksum(event.event_id for event in part),
        object_name=object_name(now, len(part), sequence),
        oldest_received_at=min(event.received_at for event in part),
        sealed_at=now,
    )


def object_name(sealed_at: datetime, count: int, sequence: int) -> str:
    """`events/YYYYMMDD_HHMMSS_{n}-{sequence}_events.jsonl`: the sequence keeps two of one second apart."""
    return f"events/{sealed_at.astimezone(UTC):%Y%m%d_%H%M%S}_{count}-{sequence}_events.jsonl"


def _advance(sink: Sink, last: Position) -> None:
    moved: dict[str, Any] = {
        "cursor_xid": last.xid,
        "cursor_id": last.id,
        "cursor_received_at": last.received_at,
        "next_sequence": sink.next_sequence,
    }
    Sink.objects.filter(name=sink.name).update(**moved)
