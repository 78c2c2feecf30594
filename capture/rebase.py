"""Mending a log that was restored into another cluster, whose transaction ids are smaller than the log's.

A cluster's transaction ids are its own. In a fresh one the restored events seem to come from transactions that have
not happened yet, so nothing of them is sealed; and new events sort before the cursors, where nobody looks again. A
reading notices it, `/health` says so, and sealing keeps still until it is mended (`capture.seal`).

Mending gives every position `(xid, id)` of the log a new xid below the horizon, in the same order:
* Walking through the positions in order, the number goes up only where an id is smaller than the one before. That
  preserves the order with as few numbers as can be, for a fresh cluster has few to give. If it has too few all the
  same, transactions that do nothing use up some more.
* Cursors, watermarks and both ends of every batch are positions too, and get their numbers in the same walk; so every
  batch holds the same events as before, and every sink is owed the same ones.
* Events written here since the restore go behind all others: no sink has had them. They are known by `xmin`, the
  transaction that wrote the row: a row of this cluster was not written before the transaction it names.
* All of it is one transaction, which closes log and outbox to writers, sealers and workers (readers go on) and ends
  by proving that every batch reads back as before and every sink is owed as many events. Nothing has to be stopped
  for it; but what the old cluster did after the dump was taken is not in the dump, and nothing here can know of it.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from capture import log, notices
from capture.models import Notice, OutboxBatch, Sink
from capture.sinks.base import BatchRefused
from leafloaf.access import audit

ACTOR = "outbox_rebase"
KIND = "future log"
FIRST_XID = 3
"""The first id that a transaction can have; those below mean something else to Postgres."""
SPARE_XIDS = 100
SEQUENCE_LEAP = 1_000_000
"""Batches get numbers that the old cluster cannot have used after the dump: stores know them by their labels."""

HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
IS_AHEAD = """
    SELECT EXISTS (SELECT FROM capture_sink WHERE cursor_xid >= pg_snapshot_xmax(pg_current_snapshot()))
        OR EXISTS (SELECT FROM capture_watermark WHERE xid > pg_snapshot_xmax(pg_current_snapshot()))
        OR EXISTS (SELECT FROM capture_event WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())
                   AND xid IS DISTINCT FROM pg_current_xact_id_if_assigned())
"""
LOCK = """
    SET LOCAL statement_timeout = 0;
    LOCK TABLE capture_event, capture_sink, capture_outboxbatch, capture_watermark IN EXCLUSIVE MODE;
"""
# The epoch of a row's 32-bit xmin is that of the present, or the one before.
WRITTEN = """
    CREATE TEMPORARY TABLE rebase_event ON COMMIT DROP AS
    SELECT xid, id, xmin::text::bigint
        + ((now_xid >> 32) - (xmin::text::bigint > (now_xid & 4294967295))::int << 32) AS written
    FROM capture_event, (SELECT pg_current_xact_id()::text::bigint AS now_xid) AS present
"""
RESTORED_BY = """
    SELECT coalesce(max(written), 0) FROM rebase_event
    WHERE xid::text::bigint > written OR xid >= pg_snapshot_xmax(pg_current_snapshot())
"""
POSITIONS = """
    CREATE TEMPORARY TABLE rebase_position ON COMMIT DROP AS
    WITH position AS (
        SELECT xid, id, written >= xid::text::bigint AND xid::text::bigint > %(restored_by)s AS is_new FROM rebase_event
        UNION SELECT first_xid, first_id, false FROM capture_outboxbatch
        UNION SELECT last_xid, last_id, false FROM capture_outboxbatch
        UNION SELECT cursor_xid, cursor_id, false FROM capture_sink WHERE cursor_xid > '0'
        UNION SELECT xid, 0, false FROM capture_watermark WHERE xid > '0'
    ), stepped AS (
        SELECT *, coalesce(id < lag(id) OVER (ORDER BY is_new, xid, id), false)::int AS step FROM position
    )
    SELECT xid, id, is_new, %(first)s - 1 + sum(step) OVER (ORDER BY is_new, xid, id) + 1 AS number FROM stepped
"""
NUMBERS = "SELECT coalesce(max(number), 0) FROM rebase_position"
COUNTS = "SELECT count(*), count(*) FILTER (WHERE is_new) FROM rebase_position"
# What was in flight in the old cluster may have arrived: as if it had been tried, so that a sink asks before it sends.
MOVE = [
    "CREATE INDEX ON rebase_position (xid, id)",
    "ANALYZE rebase_position",
    """
    UPDATE capture_event AS event SET xid = number::text::xid8 FROM rebase_position AS position
    WHERE (position.xid, position.id) = (event.xid, event.id)
    """,
    """
    UPDATE capture_outboxbatch AS batch SET first_xid = first.number::text::xid8, last_xid = last.number::text::xid8
    FROM rebase_position AS first, rebase_position AS last
    WHERE (first.xid, first.id, first.is_new) = (batch.first_xid, batch.first_id, false)
      AND (last.xid, last.id, last.is_new) = (batch.last_xid, batch.last_id, false)
    """,
    """
    UPDATE capture_sink SET cursor_xid = number::text::xid8 FROM rebase_position AS position
    WHERE (position.xid, position.id, position.is_new) = (cursor_xid, cursor_id, false)
    """,
    """
    UPDATE capture_watermark SET xid = number::text::xid8 FROM rebase_position AS position
    WHERE (position.xid, position.id, position.is_new) = (capture_watermark.xid, 0, false)
    """,
    f"UPDATE capture_sink SET next_sequence = next_sequence + {SEQUENCE_LEAP}",  # noqa: S608 (a constant)
    """
    UPDATE capture_outboxbatch SET attempts = greatest(attempts, 1), lease_token = NULL, leased_until = NULL,
        state = CASE state WHEN 'sending' THEN 'sealed' ELSE state END
    WHERE state <> 'delivered'
    """,
    """
    SELECT setval('capture_event_id_seq', greatest(nextval('capture_event_id_seq'), max(id))) FROM rebase_position
    """,
]
UNSEALED = """
    SELECT count(*) FILTER (WHERE is_new OR (position.xid, position.id) > (%s, %s))
    FROM rebase_position AS position JOIN rebase_event USING (xid, id)
"""
UNSEALED_NOW = "SELECT count(*) FROM capture_event WHERE (xid, id) > (%s, %s)"
USE_UP = "DO $$ BEGIN FOR turn IN 1..{count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"


class RebaseFailed(Exception):
    """The log would not have been the same afterwards; nothing was changed."""


@dataclass(frozen=True)
class Owed:
    """What must be the same before and after: the batches that can be read back, and what no batch holds yet."""

    readable: frozenset[int]
    unsealed: dict[str, int]


@dataclass(frozen=True)
class Rebased:
    """What a run did, or in a dry run would do."""

    positions: int
    new_events: int
    numbers: int
    horizon: int

    @property
    def missing_numbers(self) -> int:
        return max(0, self.numbers + SPARE_XIDS - self.horizon)


def is_ahead() -> bool:
    """Whether the log, a cursor or a watermark names transactions that this cluster has not seen yet."""
    return bool(_value(IS_AHEAD))


def is_due() -> bool:
    """Whether the log is ahead, or was: that the cluster has caught up does not put new events behind the cursors."""
    return is_ahead() or Notice.objects.filter(kind=KIND).exists()


def watch() -> None:
    """Leaves word when the log is ahead, which keeps sealing still until `run` takes the word back."""
    if is_ahead():
        notices.replace(KIND, [SENTENCE])


SENTENCE = (
    "The log names transactions that this database has not seen: it was restored from another one. "
    "Nothing is sealed until `manage.py outbox_rebase` has mended it; what is captured meanwhile is kept."
)


def run(*, is_dry_run: bool = False) -> Rebased | None:
    """Renumbers the log when it is ahead of its cluster; None when there is nothing to mend.

    Must not be called in a transaction: it may have to use up transaction ids first.

    Raises:
        RebaseFailed: see there.
    """
    if not is_due():
        return None
    plan = _plan()
    if is_dry_run:
        return plan
    if plan.missing_numbers:
        _use_up(plan.missing_numbers)
    with transaction.atomic(durable=True):
        return _rebase()


def _plan() -> Rebased:
    """Looks without a lock; what is written meanwhile is why some numbers are spared."""
    with transaction.atomic(durable=True):
        _execute("SET LOCAL statement_timeout = 0")
        return _number()


def _number() -> Rebased:
    """Makes the tables of old and new positions, which live as long as the transaction."""
    _execute(WRITTEN)
    _execute(POSITIONS, {"restored_by": _value(RESTORED_BY), "first": FIRST_XID})
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        positions, new_events = cursor.fetchone()
    return Rebased(positions, new_events, int(_value(NUMBERS)), _value(HORIZON))


def _rebase() -> Rebased:
    _execute(LOCK)
    done = _number()
    if done.numbers >= done.horizon:
        raise RebaseFailed("an open transaction holds the horizon back; end it, and run this again")
    before = Owed(_readable(), {sink.name: _value(UNSEALED, _cursor(sink)) for sink in Sink.objects.all()})
    for statement in MOVE:
        _execute(statement)
    _prove(before)
    details = {"positions": done.positions, "new_events": done.new_events}
    notices.replace(KIND, [])
    audit.record(
        ACTOR, "renumber the log", "capture_event", reason="restored into another cluster", **details
    )
    return done


def _prove(before: Owed) -> None:
    """Raises `RebaseFailed` unless the sinks are owed what they were owed before.

    A batch that new events had got between reads back again, and is sent if it was blocked for that.
    """
    readable = _readable()
    if lost := before.readable - readable:
        raise RebaseFailed(f"{len(lost)} batches would not read back as before")
    healed = OutboxBatch.objects.filter(pk__in=readable - before.readable, state=OutboxBatch.State.BLOCKED)
    healed.update(state=OutboxBatch.State.SEALED)
    unsealed = {sink.name: _value(UNSEALED_NOW, _cursor(sink)) for sink in Sink.objects.all()}
    if unsealed != before.unsealed:
        raise RebaseFailed(f"unsealed events would go from {before.unsealed} to {unsealed}")


def _readable() -> frozenset[int]:
    """The undelivered batches whose events, read back, have the checksum they were sealed with."""
    return frozenset(
        batch.pk
        for batch in OutboxBatch.objects.exclude(state=OutboxBatch.State.DELIVERED)
        if _reads_back(batch)
    )


def _reads_back(batch: OutboxBatch) -> bool:
    try:
        log.read(batch)
    except BatchRefused:
        return False
    return True


def _use_up(count: int) -> None:
    _execute("SET statement_timeout = 0")
    try:
        _execute(USE_UP.format(count=int(count)))
    finally:
        _execute("RESET statement_timeout")


def _cursor(sink: Sink) -> list[Any]:
    return [str(sink.cursor_xid), sink.cursor_id]


def _execute(statement: str, parameters: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _value(query: str, parameters: Any = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]
