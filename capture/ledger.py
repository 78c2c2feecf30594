"""The ledger: captured = delivered + pending + dead + discarded, for every sink and day.

The two sides are counted apart: `captured` from the log itself, the others from the cursor, the batches and the
dead letters. An event that sealing passed over is on the left and nowhere on the right. Everything is read in one
snapshot, so the account closes while writers and workers run.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q
from psycopg import errors

from capture.models import LedgerDay, OutboxBatch, Sink
from capture.partitions import start_of

RECENT_DAYS = 2
TRIES = 5

CAPTURED = """
    SELECT (received_at AT TIME ZONE 'UTC')::date AS day, count(*)
    FROM capture_event WHERE received_at >= %s GROUP BY 1
"""
CAPTURED_ON = "SELECT count(*) FROM capture_event WHERE received_at >= %s AND received_at < %s"
UNSEALED = """
    SELECT (received_at AT TIME ZONE 'UTC')::date AS day, count(*)
    FROM capture_event WHERE received_at >= %s AND (xid, id) > (%s, %s) GROUP BY 1
"""
BATCHES = """
    SELECT day, CASE state WHEN 'delivered' THEN 'delivered' ELSE 'pending' END, sum(count - excluded)
    FROM capture_outboxbatch WHERE sink = %s AND day = ANY(%s) AND NOT is_replay GROUP BY 1, 2
"""
LETTERS = """
    SELECT day, CASE state WHEN 'replayed' THEN 'delivered' ELSE state END, count(*)
    FROM capture_deadletter WHERE sink = %s AND day = ANY(%s) GROUP BY 1, 2
"""


def close(since: date | None = None) -> list[LedgerDay]:
    """Counts and stores the accounts of the days from `since` on (default: yesterday and today, UTC).

    Older days that had something pending or dead are brought up to date too; what was captured on those does not change
    any more but by erasure (`capture.remake`), and is not counted again. Of a day that did not add up both sides are.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            return _close(since or datetime.now(UTC).date() - timedelta(days=RECENT_DAYS - 1))
        except OperationalError as error:
            # Events were erased since this began, and their day's account is another now.
            if not tries_left or not isinstance(error.__cause__, errors.SerializationFailure):
                raise
    raise AssertionError("the last try returns or raises")


def _close(since: date) -> list[LedgerDay]:
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        accounts = [account for name in settings.SINKS for account in _accounts(name, since)]
        LedgerDay.objects.bulk_create(
            accounts,
            update_conflicts=True,
            unique_fields=["sink", "day"],
            update_fields=["captured", "delivered", "pending", "dead", "discarded", "counted_at"],
        )
    return accounts


def open_accounts(accounts: Iterable[LedgerDay]) -> list[LedgerDay]:
    """Those that do not add up."""
    return [account for account in accounts if account.difference]


def _accounts(name: str, since: date) -> list[LedgerDay]:
    """The accounts of one sink, for the days that may have changed."""
    sink = Sink.objects.filter(name=name).first() or Sink(name=name)
    # A back-fill makes closed days owe something again.
    add_up = F("delivered") + F("pending") + F("dead") + F("discarded")
    owed = OutboxBatch.objects.filter(~Q(state=OutboxBatch.State.DELIVERED), sink=name).values("day")
    unsettled = ~Q(pending=0, dead=0) | Q(day__in=owed) | ~Q(captured=add_up)
    older = LedgerDay.objects.filter(unsettled, sink=name, day__lt=since)
    captured = {account.day: _counted(account) for account in older}
    captured |= dict(_rows(CAPTURED, [start_of(since)]))
    days = sorted(captured)
    sides: dict[str, Counter[date]] = defaultdict(Counter)
    if days:
        position = [str(sink.cursor_xid), sink.cursor_id]
        sides["pending"].update(dict(_rows(UNSEALED, [start_of(days[0]), *position])))
    for day, side, count in _rows(BATCHES, [name, days]) + _rows(LETTERS, [name, days]):
        sides[side][day] += int(count)
    now = datetime.now(UTC)
    return [
        LedgerDay(
            sink=name,
            day=day,
            captured=captured[day],
            delivered=sides["delivered"][day],
            pending=sides["pending"][day],
            dead=sides["dead"][day],
            discarded=sides["discarded"][day],
            counted_at=now,
        )
        for day in days
    ]


def _counted(account: LedgerDay) -> int:
    """What was captured on an older day: as it stands there, unless that may be what is wrong."""
    if not account.difference:
        return account.captured
    ((count,),) = _rows(CAPTURED_ON, [start_of(account.day), start_of(account.day + timedelta(days=1))])
    return int(count)


def _rows(query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
