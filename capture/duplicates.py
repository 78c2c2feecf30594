"""Counting what was sent again: duplicates, by hour, beside the conflicts that are refused."""

import logging
from datetime import UTC, datetime

from django.db import DatabaseError, InterfaceError, connection

from capture.rejections import guard

logger = logging.getLogger(__name__)

CODE = "duplicate"

# Every request of the hour adds to the same row, so none holds it for as long as a disk takes: what Postgres forgets
# of this in a crash is a fraction of a second of a statistic. In a caller's transaction the choice is the caller's.
ADD = f"""
    INSERT INTO capture_rejectioncount AS known (hour, event_type, code, pointer, count)
    SELECT %(hour)s::timestamptz, '', '{CODE}', '/event_id', %(count)s {{quickly}}
    ON CONFLICT (hour, event_type, code, pointer) DO UPDATE SET count = known.count + excluded.count
"""
QUICKLY = "WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL"
ADD_ALONE = ADD.format(quickly=QUICKLY)
ADD_WITH_OTHERS = ADD.format(quickly="")


def count(number: int, received_at: datetime) -> None:
    """Adds a request's duplicates to the count of the hour, in one statement after the request's own.

    That the count fails is logged and costs nobody their answer.
    """
    if not number:
        return
    hour = received_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    try:
        with guard(), connection.cursor() as cursor:
            add = ADD_WITH_OTHERS if connection.in_atomic_block else ADD_ALONE
            cursor.execute(add, {"hour": hour, "count": number})
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Duplicates could not be counted (%s).", type(error).__name__)
