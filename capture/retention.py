"""Pruning the log by age: a day of it goes as a whole, and only when nobody is owed any of it.

Invariants:
* A day past `RAW_EVENT_RETENTION_DAYS` is dropped when its account, counted in the dropping transaction, closes for
  every enabled sink with nothing pending and nothing dead. Otherwise it stays, and a notice says why.
* A sink that is switched off holds no day. What it never got is in its ledger as discarded, and in the audit.
* What hangs on a day (its batches, dead letters and event ids) goes after the day itself: a run that is cut short
  leaves too much, never too little, and the next one goes on.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from capture import ledger, notices, partitions, sinks, usage
from capture.cards import title_of
from capture.models import LedgerDay, RejectionCount, Sink, Volume
from leafloaf.access import audit

ACTOR = "prune_events"
KIND = "retention"
CHUNK_ROWS = 5000
CHUNK_BLOCKS = 2000

CAPTURED = """
    SELECT count(*), count(*) FILTER (WHERE (xid, id) > (%s, %s))
    FROM capture_event WHERE received_at >= %s AND received_at < %s
"""
LETTERS = """
    DELETE FROM capture_deadletter WHERE id IN (
        SELECT id FROM capture_deadletter WHERE day < %(cutoff)s AND day <> ALL(%(kept)s) LIMIT %(rows)s)
"""
BATCHES = """
    DELETE FROM capture_outboxbatch WHERE id IN (
        SELECT id FROM capture_outboxbatch AS batch WHERE day < %(cutoff)s AND day <> ALL(%(kept)s)
          AND NOT EXISTS (SELECT FROM capture_deadletter
                          WHERE batch_id = batch.id OR replay_batch_id = batch.id)
        LIMIT %(rows)s)
"""
# No index leads from a day to its keys, and none is worth its cost on every insert: the table is walked once, in
# pieces of its blocks.
KEYS = """
    DELETE FROM capture_eventkey
    WHERE ctid >= format('(%%s,0)', %(first)s::bigint)::tid AND ctid < format('(%%s,0)', %(end)s::bigint)::tid
      AND day < %(cutoff)s AND day <> ALL(%(kept)s)
"""
BLOCKS = "SELECT pg_relation_size('capture_eventkey') / current_setting('block_size')::bigint"


@dataclass
class Pruned:
    """What a run did, or in a dry run would do."""

    dropped: dict[date, int] = field(default_factory=dict)
    held: dict[date, str] = field(default_factory=dict)
    batches: int = 0
    dead_letters: int = 0
    event_keys: int = 0


def prune(now: datetime | None = None, *, is_dry_run: bool = False) -> Pruned:
    """Drops the days that are past their retention and settled, and what hangs on them; notes the others."""
    now = now or datetime.now(UTC)
    cutoff = now.astimezone(UTC).date() - timedelta(days=settings.RAW_EVENT_RETENTION_DAYS)
    pruned = Pruned()
    if not is_dry_run:
        partitions.ensure()  # what lies in the default partition has no day to be dropped with
    for day in partitions.days():
        if day < cutoff:
            _consider(day, pruned, is_dry_run=is_dry_run)
    if is_dry_run:
        return pruned
    notices.replace(KIND, list(pruned.held.values()))
    kept = [*pruned.held, *partitions.strays()]
    pruned.dead_letters = _chunked(LETTERS, cutoff, kept)
    pruned.batches = _chunked(BATCHES, cutoff, kept)
    pruned.event_keys = _prune_keys(cutoff, kept)
    RejectionCount.objects.filter(hour__lt=partitions.start_of(cutoff)).delete()
    Volume.objects.filter(hour__lt=partitions.start_of(cutoff)).delete()
    usage.prune(now)
    return pruned


def _consider(day: date, pruned: Pruned, *, is_dry_run: bool) -> None:
    settled = look(day) if is_dry_run else partitions.patiently(partial(drop, day))
    if isinstance(settled, str):
        pruned.held[day] = settled
    else:
        pruned.dropped[day] = settled


def look(day: date) -> int | str:
    """How many events dropping the day would remove, or the sentence that says why it has to stay."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        accounts = [account(name, day) for name in settings.SINKS]
    return reason_to_hold(accounts) or max((one.captured for one in accounts), default=0)


def drop(day: date) -> int | str:
    """Drops the day when it is settled, else returns the sentence that says why not. To be called in `patiently`.

    The day's table is closed to writers before it is counted. That stops nobody, for nobody writes into the past;
    readers go on until the drop itself.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        table = sql.Identifier(partitions.name_of(day))
        cursor.execute(sql.SQL("LOCK TABLE ONLY {} IN SHARE MODE").format(table))
    accounts = [account(name, day) for name in settings.SINKS]
    if reason := reason_to_hold(accounts):
        return reason
    for one in accounts:
        _write_off(one)
    captured = max((one.captured for one in accounts), default=0)
    audit.record(
        ACTOR, "drop a day of the log", partitions.name_of(day), reason="past its retention", events=captured
    )
    partitions.drop(day)
    return captured


def account(name: str, day: date) -> LedgerDay:
    """The ledger's account of one sink and day, counted now."""
    sink = Sink.objects.filter(name=name).first() or Sink(name=name)
    start, end = partitions.start_of(day), partitions.start_of(day + timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(CAPTURED, [str(sink.cursor_xid), sink.cursor_id, start, end])
        captured, unsealed = cursor.fetchone()
        sides = {"pending": unsealed, "delivered": 0, "dead": 0, "discarded": 0}
        for query in (ledger.BATCHES, ledger.LETTERS):
            cursor.execute(query, [name, [day]])
            for _, side, count in cursor.fetchall():
                sides[side] += int(count)
    return LedgerDay(sink=name, day=day, captured=captured, counted_at=datetime.now(UTC), **sides)


def reason_to_hold(accounts: list[LedgerDay]) -> str:
    """`19 Aug is past its retention but 3 events are still owed to BigQuery.`; empty when nothing speaks against it."""
    enabled = [one for one in accounts if holds(one.sink)]
    reasons = [reason for one in enabled for reason in _reasons(one)]
    if not reasons:
        return ""
    return f"{day_name(enabled[0].day)} is past its retention but {' and '.join(reasons)}."


def holds(name: str) -> bool:
    """Whether a sink still has a claim on old days; a paused one has, one that is off has not."""
    return sinks.is_enabled(name) and not Sink.objects.filter(name=name, state=Sink.State.OFF).exists()


def _reasons(one: LedgerDay) -> list[str]:
    title = title_of(one.sink)
    said = [
        (one.pending, "event is still owed to", "events are still owed to"),
        (one.dead, "dead letter still waits for a decision on", "dead letters still wait for a decision on"),
        (one.difference, "event is unexplained in the ledger of", "events are unexplained in the ledger of"),
    ]
    return [
        f"{count:,} {single if count == 1 else several} {title}" for count, single, several in said if count
    ]


def _write_off(one: LedgerDay) -> None:
    """Stores the day's last account; what a switched-off sink never got is discarded with the day."""
    given_up = one.pending + one.dead
    one.pending, one.dead, one.discarded = 0, 0, one.discarded + given_up
    if given_up:
        audit.record(
            ACTOR,
            "discard undelivered events",
            one.sink,
            reason="switched off",
            events=given_up,
            day=str(one.day),
        )
    values: dict[str, Any] = {
        name: getattr(one, name)
        for name in ("captured", "delivered", "pending", "dead", "discarded", "counted_at")
    }
    LedgerDay.objects.update_or_create(sink=one.sink, day=one.day, defaults=values)


def _chunked(query: str, cutoff: date, kept: list[date]) -> int:
    """Runs a bounded deletion until it finds nothing more; each piece commits by itself."""
    removed = 0
    while piece := _delete(query, {"cutoff": cutoff, "kept": kept, "rows": CHUNK_ROWS}):
        removed += piece
    return removed


def _prune_keys(cutoff: date, kept: list[date]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(BLOCKS)
        (blocks,) = cursor.fetchone()
    return sum(
        _delete(KEYS, {"cutoff": cutoff, "kept": kept, "first": first, "end": first + CHUNK_BLOCKS})
        for first in range(0, blocks, CHUNK_BLOCKS)
    )


def _delete(query: str, parameters: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return int(cursor.rowcount)


def day_name(day: date) -> str:
    """`19 Aug`, with the year when it is not this one."""
    year = "" if day.year == datetime.now(UTC).year else f" {day.year}"
    return f"{day.day} {day:%b}{year}"
