"""The ledger: captured = delivered + pending + dead + discarded, for every sink and day.

The two sides are counted apart: `captured` from the log itself, the others from the cursor, the batches and the
dead letters. An event that sealing passed over is on the left and nowhere on the right. Everything is read in one
snapshot, so the account closes while writers and workers run.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from capture.models import LedgerDay, Sink
from capture.partitions import start_of

RECENT_DAYS = 2

CAPTURED = """
    SELECT (received_at AT TIME ZONE 'UTC')::date AS day, count(*)
    FROM capture_event WHERE received_at >= %s GROUP BY 1
"""
UNSEALED = """
    SELECT (received_at AT TIME ZONE 'UTC')::date AS day, count(*)
    FROM capture_event WHERE received_at >= %s AND (xid, id) > (%s, %s) GROUP BY 1
"""
BATCHES = """
    SELECT day, state = 'delivered', sum(count - excluded) FROM capture_outboxbatch
    WHERE sink = %s AND day >= %s GROUP BY 1, 2
"""
LETTERS = """
    SELECT day, state, count(*) FROM capture_deadletter WHERE sink = %s AND day >= %s GROUP BY 1, 2
"""


def close(since: date | None = None) -> list[LedgerDay]:
    """Counts and stores the accounts of the days from `since` on (default: yesterday and today, UTC)."""
    since = since or datetime.now(UTC).date() - timedelta(days=RECENT_DAYS - 1)
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
    start = start_of(since)
    sink = Sink.objects.filter(name=name).first() or Sink(name=name)
    captured = _by_day(CAPTURED, [start])
    pending = Counter(_by_day(UNSEALED, [start, str(sink.cursor_xid), sink.cursor_id]))
    delivered: Counter[date] = Counter()
    dead: Counter[date] = Counter()
    discarded: Counter[date] = Counter()
    for day, is_delivered, count in _rows(BATCHES, [name, since]):
        (delivered if is_delivered else pending)[day] += int(count)
    side = {"dead": dead, "discarded": discarded, "replayed": delivered, "pending": pending}
    for day, state, count in _rows(LETTERS, [name, since]):
        side[state][day] += count
    now = datetime.now(UTC)
    return [
        LedgerDay(
            sink=name,
            day=day,
            captured=captured.get(day, 0),
            delivered=delivered[day],
            pending=pending[day],
            dead=dead[day],
            discarded=discarded[day],
            counted_at=now,
        )
        for day in sorted(captured.keys() | pending.keys() | delivered.keys() | dead.keys())
    ]


def _by_day(query: str, parameters: list[Any]) -> dict[date, int]:
    return dict(_rows(query, parameters))


def _rows(query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
