"""Searches that were answered while Postgres was away wait in Redis until the log can take them (`capture.admit`).

Invariants:
* Nobody is answered before the search stands here; when it cannot, because Redis is away, the room is full, or Redis
  might throw it out to make room for others, nobody is answered.
* What stands here leaves only after the log has it.

Only what belongs to nobody may wait here: there is no consent or suppression to be asked without the database.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django_redis import get_redis_connection
from redis import RedisError

from capture import events
from capture.records import encoder
from capture.validation import PAST, check
from leafloaf.lib import cache

logger = logging.getLogger(__name__)

NAME = "searches:waiting"
MOST = 50_000
"""At a kilobyte and a half each this is 75 MB, and minutes of the busiest hour."""
SECONDS = int(PAST.total_seconds())
KIND = "waiting room"
KEEPS_EVERYTHING = "noeviction"

PUT = """
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


class Full(Exception):
    """The search cannot wait here; the message says why."""


class Waiting(msgspec.Struct, frozen=True):
    """An event, and when the server received it."""

    received_at: datetime
    event: msgspec.Raw


decoder = msgspec.json.Decoder(Waiting)


def put(event: events.Event, received_at: datetime) -> None:
    """Keeps an anonymous event that the application itself made.

    Raises:
        Full: it is not kept.
        InvalidEvent: the log would not take it.
    """
    if event.user_id is not None:
        raise Full("only anonymous events wait")
    check(event, received_at)
    entry = encoder.encode(Waiting(received_at, msgspec.Raw(encoder.encode(event))))
    try:
        redis = _redis()
        if _may_evict(redis.info("memory")):
            raise Full(f"Redis may evict what waits; its maxmemory-policy must be {KEEPS_EVERYTHING}")
        if not redis.eval(PUT, 1, _key(), entry, MOST, SECONDS):
            raise Full(f"{MOST:,} searches wait already")
    except RedisError as error:
        raise Full(f"Redis: {type(error).__name__}") from error


def first(count: int) -> list[bytes]:
    """Those that have waited longest.

    Raises:
        RedisError: it is away.
    """
    found: list[bytes] = _redis().lrange(_key(), 0, count - 1)
    return found


def leave(entries: Sequence[bytes]) -> None:
    """Takes out those that the log has; another process may have been faster.

    Raises:
        RedisError: it is away.
    """
    pipeline = _redis().pipeline(transaction=False)
    for entry in entries:
        pipeline.lrem(_key(), 1, entry)
    pipeline.execute()


def count() -> int | None:
    """How many wait; None when nobody can say."""
    if not cache.is_on():
        return None
    try:
        return int(_redis().llen(_key()))
    except RedisError as error:
        logger.warning("Nobody knows how many searches wait (%s).", type(error).__name__)
        return None


def warnings() -> list[str]:
    """A sentence while anything waits."""
    waiting = count()
    if not waiting:
        return []
    verb = "waits" if waiting == 1 else "wait"
    return [
        f"{waiting:,} of the searches that were answered while Postgres was away still {verb} in Redis: "
        "`manage.py admit_waiting` takes them into the log, and the scheduler does every 5 seconds."
    ]


def _may_evict(memory: dict[str, Any]) -> bool:
    return bool(memory.get("maxmemory")) and memory.get("maxmemory_policy") != KEEPS_EVERYTHING


def _key() -> str:
    return f"{settings.REDIS_PREFIX}{NAME}"


def _redis() -> Any:
    return get_redis_connection("default")
