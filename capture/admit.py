"""From the waiting room into the log, when Postgres is back.

Invariants:
* An entry leaves the room after the transaction that has its event has committed. A process that dies in between
  leaves it there, and the next one finds its event id in the log: once each, however often and by however many.
* The log says when the server received it, not when it was let in.
"""

import logging
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from redis import RedisError

from capture import ingest, rejections, waiting_room
from capture.validation import InvalidEvent, decode
from leafloaf.lib import database

logger = logging.getLogger(__name__)

CHUNK = 100
LATE = timedelta(hours=12)
"""Sealing looks for events that were received up to a day before its cursor (`seal.CLOCK_MARGIN`). One that is later
than this counts as received now, and as having happened then."""


def waiting() -> int:
    """Lets all in that wait; returns how many.

    Raises:
        django.db.OperationalError, RedisError: one of the two is away; what is left waits on.
    """
    admitted = 0
    while settings.REDIS_ENABLED and (entries := waiting_room.first(CHUNK)):
        with transaction.atomic(durable=True):
            for entry in entries:
                _admit(entry, datetime.now(UTC))
        waiting_room.leave(entries)
        admitted += len(entries)
    return admitted


def _admit(entry: bytes, now: datetime) -> None:
    """One that is in the log already, under whatever content, is the one that was answered."""
    kept = waiting_room.decoder.decode(entry)
    body = bytes(kept.event)
    try:
        event = decode(body)
        received_at = kept.received_at
        if now - received_at > LATE:
            event.timestamp, received_at = received_at, now
        ingest.record(event, received_at)
    except InvalidEvent as error:
        codes = ", ".join(fault.code for fault in error.faults)
        logger.error("A search that waited for the database is refused (%s).", codes)
        rejections.count([(body, error.faults)], now)


def when_back() -> None:
    """Lets all in, unless one of the two servers is away: then they wait until the next time."""
    if database.is_away():
        return
    try:
        waiting()
    except RedisError as error:
        logger.warning("Nobody can be let in from the waiting room (%s).", type(error).__name__)
    except (OperationalError, InterfaceError) as error:
        if not database.is_gone(error):
            raise
        database.suspect()
        logger.warning("What waits for the log waits on (%s).", type(error).__name__)
