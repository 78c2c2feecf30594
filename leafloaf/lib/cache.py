"""Answers kept in Redis for a while, so that the same question is worked out once.

Without Redis every answer is worked out anew, and so it is while Redis is away: after a failure nothing asks it for
`QUIET_SECONDS`, for waiting out a time limit in every request would cost more than any cache brings.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from redis import RedisError
from redis.commands.core import Script

logger = logging.getLogger(__name__)

AWAY = RedisError
"""What is raised to those who ask Redis themselves, for them to catch."""
QUIET_SECONDS = 5.0
MAKING_SECONDS = 3.0
"""How long one who makes an answer keeps others from making it too; a process that dies costs them so much once."""
WAITING_SECONDS = 0.5
POLL_SECONDS = 0.01
MAKING = ":making"
OWNED = ":cache:"
"""What stands before it in a name is whose answer it is, and all of theirs can be forgotten at once."""
KEPT = ":kept"
OWNED_SECONDS = 60 * 60
"""At least as long as any answer that has an owner is kept."""


class Status(StrEnum):
    """Where an answer came from."""

    HIT = "hit"
    MISS = "miss"
    OFF = "off"


@dataclass
class Quiet:
    """Until when this process leaves Redis alone, by `time.monotonic`."""

    until: float = 0.0


_quiet = Quiet()


def remember(name: str, seconds: int, make: Callable[[], bytes]) -> tuple[bytes, Status]:
    """The answer kept under a name, or a new one, which is then kept for so many seconds.

    Of many who miss at once, one makes the answer and the others wait for it, up to `WAITING_SECONDS`.

    Raises:
        Whatever `make` raises; nothing is kept then, and the next one tries.
    """
    if not is_on():
        return make(), Status.OFF
    try:
        kept, is_maker = _kept_or_chosen(name)
    except RedisError as error:
        _be_quiet(error)
        return make(), Status.OFF
    if kept is not None:
        if is_maker:
            forget(name + MAKING)
        return kept, Status.HIT
    return _made(name, seconds, make, is_maker), Status.MISS


def kept(name: str) -> bytes | None:
    """What is kept under a name, if anything; None too without Redis."""
    if not is_on():
        return None
    try:
        found: bytes | None = _redis().get(_key(name))
        return found
    except RedisError as error:
        _be_quiet(error)
        return None


def run(script: str, names: Sequence[str], arguments: Sequence[Any]) -> Any | None:
    """What a Lua script on the keys of these names returns; None without Redis, and while it is away."""
    if not is_on():
        return None
    try:
        return _script(script)([_key(name) for name in names], arguments, client=_redis())
    except RedisError as error:
        _be_quiet(error)
        return None


def forget(*names: str) -> None:
    """Removes what is kept under these names."""
    if not names or not is_on():
        return
    try:
        _redis().delete(*map(_key, names))
    except RedisError as error:
        _be_quiet(error)


def kept_of(owner: str) -> list[bytes]:
    """The keys of the answers that are kept for one owner, such as `user:{pseudonym}`; none without Redis.

    Raises:
        redis.RedisError: nobody can say.
    """
    if not settings.REDIS_ENABLED:
        return []
    redis = _redis()
    names = list(redis.smembers(_key(owner + KEPT)))
    return [name for name in names if redis.exists(name)]


def forget_all_of(owner: str) -> int:
    """Removes the answers that are kept for one owner; says how many there were.

    Raises:
        redis.RedisError: they may be there still.
    """
    if not settings.REDIS_ENABLED:
        return 0
    redis, index = _redis(), _key(owner + KEPT)
    names = list(redis.smembers(index))
    if not names:
        return 0
    # One that is kept from now on stays in the index.
    removed, _ = redis.pipeline(transaction=True).unlink(*names).srem(index, *names).execute()
    return int(removed)


def is_on() -> bool:
    return bool(settings.REDIS_ENABLED) and time.monotonic() >= _quiet.until


def _kept_or_chosen(name: str) -> tuple[bytes | None, bool]:
    """What is kept; or nothing, and whether the caller is the one to make it."""
    redis, key = _redis(), _key(name)
    deadline = time.monotonic() + WAITING_SECONDS
    while True:
        if (found := redis.get(key)) is not None:
            return found, False
        if redis.set(key + MAKING, 1, nx=True, px=round(MAKING_SECONDS * 1000)):
            return redis.get(key), True  # it may have been made since the look above
        if time.monotonic() > deadline:
            return None, False
        time.sleep(POLL_SECONDS)


def _made(name: str, seconds: int, make: Callable[[], bytes], is_maker: bool) -> bytes:
    key = _key(name)
    try:
        answer = make()
    except BaseException:
        if is_maker:
            forget(name + MAKING)
        raise
    try:
        pipeline = _redis().pipeline(transaction=True).set(key, answer, ex=seconds)
        owner, is_owned, _ = name.partition(OWNED)
        if is_owned:
            index = _key(owner + KEPT)
            pipeline.sadd(index, key).expire(index, OWNED_SECONDS)
        if is_maker:
            pipeline.delete(key + MAKING)
        pipeline.execute()
    except RedisError as error:
        _be_quiet(error)
    return answer


@cache
def _script(text: str) -> Script:
    """Redis is sent the text once, and from then on its digest."""
    return Script(None, text.encode())  # type: ignore[arg-type]  # who runs it names the client


def _key(name: str) -> str:
    return f"{settings.REDIS_PREFIX}{name}"


def _redis() -> Any:
    return get_redis_connection("default")


def _be_quiet(error: RedisError) -> None:
    _quiet.until = time.monotonic() + QUIET_SECONDS
    logger.warning("Redis is away (%s); nobody asks it for a while.", type(error).__name__)
