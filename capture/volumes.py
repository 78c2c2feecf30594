"""How many events of each type were captured in each hour, counted once each as the log grows."""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from capture.models import Watermark

NAME = "volumes"
LOOK_BACK = timedelta(days=9)
"""What was received longer ago is not counted: spares the first count the whole log."""

# The watermark is the horizon of the very snapshot that was counted, so nothing is passed over and nothing doubled.
# After a restore the watermark may lie ahead of the horizon: then nothing happens until it is mended.
COUNT = """
    WITH horizon AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid),
    counted AS (
        SELECT date_trunc('hour', received_at, 'UTC') AS hour, event_type, count(*) AS count
        FROM capture_event
        WHERE xid >= %(since)s AND xid < (SELECT xid FROM horizon) AND received_at >= %(oldest)s
        GROUP BY 1, 2
    ), added AS (
        INSERT INTO capture_volume AS known (hour, event_type, count) SELECT hour, event_type, count FROM counted
        ON CONFLICT (hour, event_type) DO UPDATE SET count = known.count + excluded.count
    )
    UPDATE capture_watermark SET xid = horizon.xid FROM horizon
    WHERE name = %(name)s AND capture_watermark.xid <= horizon.xid
"""


def count(now: datetime | None = None) -> None:
    """Counts the events that have appeared since the last time."""
    oldest = (now or datetime.now(UTC)) - LOOK_BACK
    with transaction.atomic():
        Watermark.objects.bulk_create([Watermark(name=NAME)], ignore_conflicts=True)
        watermark = Watermark.objects.select_for_update().get(name=NAME)
        with connection.cursor() as cursor:
            cursor.execute(COUNT, {"since": str(watermark.xid), "oldest": oldest, "name": NAME})
