"""Sealing: fixing which events are in a batch before anything is sent.

Invariants:
* A batch's events, their number, checksum and object name are committed before the first attempt. From then on
  only erasure takes events from it, and then number and checksum with them (`capture.remake`).
* Only events of transactions that are over are sealed: below `pg_snapshot_xmin(pg_current_snapshot())` nothing
  can appear any more, so a cursor on `(xid, id)` passes over nothing.
* One sealer a sink at a time (a row lock); the cursor moves in the transaction that writes the batches.
* A batch holds events of one UTC day, so that the ledger closes by day.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from capture.models import OutboxBatch, Sink
from leafloaf.lib import statements

BATCHES_AT_ONCE = 16
"""So many share the cost of a transaction, which is still over in milliseconds."""
CLOCK_MARGIN = timedelta(days=1)
"""How far `received_at` may run behind the order of transactions: web servers' clocks, and long transactions."""

READY = """
    SELECT xid, id, event_id, received_at, (received_at AT TIME ZONE 'UTC')::date AS day
    FROM capture_event
    WHERE (xid, id) > (%(xid)s::text::xid8, %(id)s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
      AND received_at >= %(since)s
      AND NOT EXISTS (SELECT FROM capture_sink WHERE cursor_xid >= pg_snapshot_xmax(pg_current_snapshot()))
      AND NOT EXISTS (SELECT FROM capture_notice WHERE kind = 'future log')
    ORDER BY xid, id
    LIMIT %(limit)s
"""
"""Nothing is ready while the log is another cluster's: see `capture.rebase`."""
WAITING = f"SELECT count(*), min(received_at) FROM ({READY}) AS ready"  # noqa: S608 (our own statement)
PARTS = f"""
    WITH ready AS ({READY}),
    placed AS (
        SELECT *, row_number() OVER log AS place, day IS DISTINCT FROM lag(day) OVER log AS is_new_day
        FROM ready WINDOW log AS (ORDER BY xid, id)
    ),
    run AS (SELECT *, max(place) FILTER (WHERE is_new_day) OVER (ORDER BY xid, id) AS start FROM placed),
    cut AS (SELECT *, place - (place - start) %% %(size)s AS head FROM run)
    SELECT min(day), (array_agg(xid ORDER BY place))[1]::text::bigint, (array_agg(id ORDER BY place))[1],
        (array_agg(xid ORDER BY place))[count(*)]::text::bigint, (array_agg(id ORDER BY place))[count(*)],
        count(*), md5(string_agg(event_id || E'\n', '' ORDER BY place)),
        min(received_at), (array_agg(received_at ORDER BY place))[count(*)]
    FROM cut GROUP BY head ORDER BY head
"""  # noqa: S608 (our own statement)
"""What is ready, cut into batches: in order, of one day each, at most `size`; a row is a `Part`."""
FOR_THIS_TRANSACTION = """
    SELECT set_config('synchronous_commit', 'off', true), set_config('enable_sort', 'off', true),
        set_config('enable_bitmapscan', 'off', true)
"""
"""No waiting for the disk: the claim, which comes before anything is sent, takes the seal there too. And a walk along
the index: where Postgres knows nothing of a young partition yet, it would rather sort all that waits.
"""


class Part(NamedTuple):
    """A piece of the log that makes one batch; `checksum` is that of `capture.log`."""

    day: date
    first_xid: int
    first_id: int
    last_xid: int
    last_id: int
    size: int
    checksum: str
    oldest_received_at: datetime
    last_received_at: datetime


def due(name: str, *, now: datetime | None = None, is_final: bool = False) -> int:
    """Seals the batches that are full or old enough, for one sink; returns how many.

    Args:
        is_final: seal what is there, however little and young.
    """
    now = now or datetime.now(UTC)
    configured = settings.SINKS[name]
    size: int = configured["BATCH_SIZE"]
    latest = now - (timedelta(0) if is_final else timedelta(seconds=configured["MAX_AGE_SECONDS"]))
    with transaction.atomic():
        statements.fetch(FOR_THIS_TRANSACTION)
        if not _is_anything_due(name, size, latest):
            return 0
        sink = locked(name)
        if sink is None or sink.state != Sink.State.ENABLED:
            return 0
        parts = _due_parts(sink, size, latest)
        if parts:
            OutboxBatch.objects.bulk_create([batch(sink, part, now) for part in parts])
            _advance(sink, parts[-1])
    return len(parts)


def _is_anything_due(name: str, size: int, latest: datetime) -> bool:
    """A look without a lock, so that an idle poll takes no transaction id and writes nothing."""
    sink = Sink.objects.filter(name=name).first() or Sink(name=name)
    if sink.state != Sink.State.ENABLED:
        return False
    [(count, oldest)] = statements.fetch(WAITING, _after(sink, size))
    return bool(count == size or (count and oldest <= latest))


def locked(name: str) -> Sink | None:
    """The sink's row, locked; none while another sealer holds it. Made on first sight."""
    rows = Sink.objects.select_for_update(skip_locked=True, no_key=True).filter(name=name)
    if sink := rows.first():
        return sink
    Sink.objects.bulk_create([Sink(name=name)], ignore_conflicts=True)
    return rows.first()


def _after(sink: Sink, limit: int) -> dict[str, Any]:
    """The parameters of `READY`: from the cursor on, at most so many."""
    since = (
        sink.cursor_received_at - CLOCK_MARGIN
        if sink.cursor_received_at
        else datetime.min.replace(tzinfo=UTC)
    )
    return {"xid": str(sink.cursor_xid), "id": sink.cursor_id, "since": since, "limit": limit}


def _due_parts(sink: Sink, size: int, latest: datetime) -> list[Part]:
    """The parts that are full, closed by the next day's events, or hold an event that has waited long enough.

    Every part but the last is full or closed, so what is due is always a prefix of the log.
    """
    found = statements.fetch(PARTS, _after(sink, size * BATCHES_AT_ONCE) | {"size": size})
    parts = [Part(*row) for row in found]
    return [
        part
        for part in parts
        if part.size == size or part is not parts[-1] or part.oldest_received_at <= latest
    ]


def batch(sink: Sink, part: Part, now: datetime) -> OutboxBatch:
    """A batch of this part, under the next number of the sink's row, which the caller holds and stores."""
    sequence = sink.next_sequence
    sink.next_sequence += 1
    return OutboxBatch(
        sink=sink.name,
        sequence=sequence,
        day=part.day,
        first_xid=part.first_xid,
        first_id=part.first_id,
        last_xid=part.last_xid,
        last_id=part.last_id,
        count=part.size,
        checksum=part.checksum,
        object_name=object_name(now, part.size, sequence),
        oldest_received_at=part.oldest_received_at,
        sealed_at=now,
    )


def object_name(sealed_at: datetime, count: int, sequence: int) -> str:
    """`events/YYYYMMDD_HHMMSS_{n}-{sequence}_events.jsonl`: the sequence keeps two of one second apart."""
    return f"events/{sealed_at.astimezone(UTC):%Y%m%d_%H%M%S}_{count}-{sequence}_events.jsonl"


def _advance(sink: Sink, last: Part) -> None:
    moved: dict[str, Any] = {
        "cursor_xid": last.last_xid,
        "cursor_id": last.last_id,
        "cursor_received_at": last.last_received_at,
        "next_sequence": sink.next_sequence,
    }
    Sink.objects.filter(name=sink.name).update(**moved)
