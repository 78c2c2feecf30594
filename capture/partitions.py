"""The log's partitions: one a UTC day, made ahead, with a default one as a net."""

from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction
from psycopg import sql

DAYS_AHEAD = 7
LOCK = 7_306_401
"""Key of the advisory lock that keeps two makers apart."""


def ensure(today: date | None = None, days_ahead: int = DAYS_AHEAD) -> list[str]:
    """Makes the partitions from today on that do not exist yet; returns their names."""
    today = today or datetime.now(UTC).date()
    days = [today + timedelta(days=offset) for offset in range(days_ahead + 1)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'capture_event'::regclass"
        )
        existing = {name for (name,) in cursor.fetchall()}
        missing = [day for day in days if name_of(day) not in existing]
        for day in missing:
            cursor.execute(_made(day))
    return [name_of(day) for day in missing]


def _made(day: date) -> sql.Composed:
    """Makes one day's table, moves in what had to wait in the default partition, and attaches it.

    Attaching locks the log less than creating a partition in place would: writers go on.
    """
    return MAKE.format(
        name=sql.Identifier(name_of(day)),
        start=sql.Literal(start_of(day)),
        end=sql.Literal(start_of(day + timedelta(days=1))),
    )


MAKE = sql.SQL("""
    CREATE TABLE {name} (LIKE capture_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);
    WITH early AS (
        DELETE FROM capture_event_default WHERE received_at >= {start} AND received_at < {end} RETURNING *
    )
    INSERT INTO {name} SELECT * FROM early;
    ALTER TABLE capture_event ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end});
""")


def name_of(day: date) -> str:
    return f"capture_event_p{day:%Y%m%d}"


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
