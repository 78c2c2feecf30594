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
            cursor.execute(
                sql.SQL("CREATE TABLE {} PARTITION OF capture_event FOR VALUES FROM ({}) TO ({})").format(
                    sql.Identifier(name_of(day)),
                    sql.Literal(start_of(day)),
                    sql.Literal(start_of(day + timedelta(1))),
                )
            )
    return [name_of(day) for day in missing]


def name_of(day: date) -> str:
    return f"capture_event_p{day:%Y%m%d}"


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
