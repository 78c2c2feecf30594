"""The log's partitions: one a UTC day, made ahead, with a default one as a net.

Making or dropping a partition needs, for a moment, a lock that waits for every running query on the log; and
while it waits, every later query waits behind it. So it waits for `LOCK_TIMEOUT` at most, gives way, and tries again.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from psycopg import errors, sql

DAYS_AHEAD = 7
LOCK = 7_306_401
"""Key of the advisory lock that keeps two makers apart."""
LOCK_TIMEOUT = "2s"
TRIES = 5
PAUSE_SECONDS = 1.0

DEFAULT = "capture_event_default"
PREFIX = "capture_event_p"
KIND = "default partition"
STRAYS = f"SELECT DISTINCT (received_at AT TIME ZONE 'UTC')::date FROM {DEFAULT}"  # noqa: S608 (a constant)

Result = TypeVar("Result")


def ensure(today: date | None = None, days_ahead: int = DAYS_AHEAD) -> list[str]:
    """Makes the missing partitions from today on, and of every day that has rows in the default one.

    Returns their names. Each day is a transaction of its own: one that has to give way costs no other.
    """
    today = today or datetime.now(UTC).date()
    wanted = {today + timedelta(days=offset) for offset in range(days_ahead + 1)} | strays()
    missing = sorted(wanted - set(days()))
    return [name_of(day) for day in missing if patiently(partial(_make, day))]


def days() -> list[date]:
    """Those that have a partition, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'capture_event'::regclass"
        )
        names = [name.removeprefix(PREFIX) for (name,) in cursor.fetchall() if name.startswith(PREFIX)]
    return sorted(date.fromisoformat(name) for name in names)


def strays() -> set[date]:
    """The days of the rows in the default partition; it is empty unless clocks or the scheduler were wrong."""
    with connection.cursor() as cursor:
        cursor.execute(STRAYS)
        return {day for (day,) in cursor.fetchall()}


def warnings() -> list[str]:
    """A sentence while the default partition holds anything."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {DEFAULT})")  # noqa: S608 (a constant)
        (is_used,) = cursor.fetchone()
    if not is_used:
        return []
    return [
        "Events fell into the log's default partition, because their day had none: "
        "`manage.py make_partitions` moves them, and the scheduler does every hour."
    ]


def patiently(work: Callable[[], Result]) -> Result:
    """Does the work in a transaction that waits for no lock longer than `LOCK_TIMEOUT`, again after a pause if it must.

    Raises:
        OperationalError: the last try had to give way too.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                return work()
        except OperationalError as error:
            if not tries_left or not isinstance(
                error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected
            ):
                raise
            time.sleep(PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")


def _make(day: date) -> bool:
    """Makes one day's table, moves in what had to wait in the default partition, and attaches it.

    Attaching locks the log less than creating a partition in place would: writers go on. Only where a day is late,
    and its events are on their way into the default partition, do writers wait for it: one that has picked the
    default partition already would be refused there a moment later.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        if day in days():
            return False
        if day <= datetime.now(UTC).date() or day in strays():
            cursor.execute("LOCK TABLE ONLY capture_event IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            MAKE.format(
                name=sql.Identifier(name_of(day)),
                start=sql.Literal(start_of(day)),
                end=sql.Literal(start_of(day + timedelta(days=1))),
            )
        )
    return True


MAKE = sql.SQL("""
    CREATE TABLE {name} (LIKE capture_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);
    LOCK TABLE capture_event_default IN ACCESS EXCLUSIVE MODE;
    WITH early AS (
        DELETE FROM capture_event_default WHERE received_at >= {start} AND received_at < {end} RETURNING *
    )
    INSERT INTO {name} SELECT * FROM early;
    ALTER TABLE capture_event ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end});
""")


def drop(day: date) -> None:
    """Drops a day of the log. To be called in `patiently`.

    `DETACH … CONCURRENTLY` would lock less, but cannot be part of the transaction that has just proved the day to
    be settled.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name_of(day))))


def name_of(day: date) -> str:
    return f"{PREFIX}{day:%Y%m%d}"


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
