"""The copies in Redis of what is remembered of one person: pages and memories, under a key that begins with them.

They are kept an hour at most, under a version that nobody asks for again once something is forgotten. Removing them is
for them to be gone; served they are not in any case.
"""

from collections.abc import Iterator
from uuid import UUID

from django.conf import settings
from django_redis import get_redis_connection

AT_ONCE = 1000


def drop(subject_id: UUID) -> int:
    """Removes them and says how many there were.

    Raises:
        redis.RedisError: Redis is away, and they may be there still.
    """
    names = list(found(subject_id))
    return int(get_redis_connection("default").unlink(*names)) if names else 0


def found(subject_id: UUID) -> Iterator[bytes]:
    """Their keys; none without Redis.

    Raises:
        redis.RedisError: likewise.
    """
    if not settings.REDIS_ENABLED:
        return iter(())
    pattern = f"{settings.REDIS_PREFIX}user:{subject_id}:cache:*"
    names: Iterator[bytes] = get_redis_connection("default").scan_iter(match=pattern, count=AT_ONCE)
    return names
