"""How the replica of the database is doing, as a worker last found it: no page and no probe ever waits for it."""

from datetime import datetime

from capture import notices
from capture.models import Reading
from leafloaf.catalog import replica
from leafloaf.lib import database

KIND = "replica"
"""Of the notice."""
NAME = "replica"
"""Of the readings, beside those of sinks."""
SENTENCES = {
    "degraded": "The replica of the database is behind, and searches are read from the primary until it has caught up. "
    "Look whether its replay is paused, or waits for somebody's long query.",
    "unhealthy": "The replica of the database does not answer, and searches are read from the primary. Bring it back, "
    "or take DATABASE_REPLICA_URL out of the web servers and restart them.",
    "primary": "The server of DATABASE_REPLICA_URL is no replica, or one no longer: it is the primary by another name, "
    "or was promoted. Name a replica, or take DATABASE_REPLICA_URL out, and restart what had it.",
}


def take_reading(now: datetime) -> None:
    """Stores how it is doing, and tells staff when it is not well; where there is none, nothing."""
    found = replica.look() if replica.is_configured() else ""
    notices.replace(KIND, [SENTENCES[found]] if found in SENTENCES else [])
    if found:
        health = "unhealthy" if found == "primary" else found
        taken = Reading(sink=NAME, taken_at=now, health=health, waiting=0, lag_seconds=0, delivered=0, dead=0)
        Reading.objects.bulk_create([taken], ignore_conflicts=True)


def state(since: datetime) -> str | None:
    """As found since then, or `unknown`; `unhealthy` when this process knows better. None where there is none."""
    if not replica.is_configured():
        return None
    if database.REPLICA.is_away:
        return "unhealthy"
    last = Reading.objects.filter(sink=NAME, taken_at__gte=since).order_by("-taken_at").first()
    return last.health if last else "unknown"
