"""The oldest transaction that is still open and has written: nothing that came after it is sealed before it ends.

Transactions that only read hold nothing back here, however old their snapshot.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from capture.models import HorizonReading

KIND = "horizon"
AGE_ALLOWED = timedelta(seconds=60)
RETENTION = timedelta(days=7)
LONGEST = 200

# Transaction ids are the cluster's, so a writer in any database counts. What another role's session does, and since
# when, Postgres tells members of `pg_read_all_stats` only; that it is there, and by what name, it tells everybody.
HOLDER = """
    WITH horizon AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid)
    SELECT horizon.xid::text, writer.since, writer.name, writer.state, writer.ending
    FROM horizon JOIN (
        SELECT backend_xid AS xid, xact_start AS since,
               coalesce(nullif(application_name, ''), backend_type, 'a session') AS name, coalesce(state, '') AS state,
               format('SELECT pg_terminate_backend(%s)', pid) AS ending
        FROM pg_stat_activity WHERE pid <> pg_backend_pid()
        UNION ALL
        SELECT transaction, prepared, 'a prepared transaction', '', format('ROLLBACK PREPARED %L', gid)
        FROM pg_prepared_xacts
    ) AS writer ON writer.xid = horizon.xid::xid
    LIMIT 1
"""


@dataclass(frozen=True)
class Holder:
    """Who holds the horizon back, since when, and the statement that ends it."""

    xid: int
    since: datetime
    name: str
    state: str
    ending: str

    @property
    def title(self) -> str:
        return f"{self.name}, {self.state}" if self.state else self.name


def read(now: datetime) -> list[str]:
    """Stores how old the horizon is, forgets what is past `RETENTION`, and returns what there is to say about it."""
    found = holder(now)
    age = max(0.0, (now - found.since).total_seconds()) if found else 0.0
    reading = HorizonReading(
        taken_at=now,
        xid=found.xid if found else 0,
        age_seconds=age,
        held_by=found.title[:LONGEST] if found else "",
    )
    HorizonReading.objects.bulk_create([reading], ignore_conflicts=True)
    HorizonReading.objects.filter(taken_at__lt=now - RETENTION).delete()
    return [warning(found)] if found and age > AGE_ALLOWED.total_seconds() else []


def holder(now: datetime) -> Holder | None:
    """Whose transaction the horizon is; none while everybody who wrote has ended."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDER)
        row = cursor.fetchone()
    if row is None:
        return None
    xid, since, name, state, ending = row
    return Holder(int(xid), since or first_seen(int(xid)) or now, name, state, ending)


def first_seen(xid: int) -> datetime | None:
    """When a reading first met this transaction: for one whose start Postgres keeps from us."""
    seen = HorizonReading.objects.filter(xid=xid).order_by("taken_at")
    return seen.values_list("taken_at", flat=True).first()


def warning(found: Holder) -> str:
    """The same words for as long as the same transaction is open."""
    return (
        f"A transaction that wrote has been open since {found.since.astimezone(UTC):%d %b %H:%M:%S} UTC "
        f"({found.title}): no event that came after it reaches any sink before it ends. "
        f"If nobody needs it, `{found.ending}` ends it."
    )


def latest() -> HorizonReading | None:
    return HorizonReading.objects.order_by("-taken_at").first()
