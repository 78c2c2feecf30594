"""The copies in Redis of what is remembered of one person: pages and memories, under a key that begins with them.

They are kept an hour at most, under a version that nobody asks for again once something is forgotten. Removing them is
for them to be gone; served they are not in any case.
"""

from collections.abc import Iterator
from uuid import UUID

from leafloaf.lib import cache


def drop(subject_id: UUID) -> int:
    """Removes them and says how many there were.

    Raises:
        redis.RedisError: Redis is away, and they may be there still.
    """
    return cache.forget_all_of(f"user:{subject_id}")


def found(subject_id: UUID) -> Iterator[bytes]:
    """Their keys; none without Redis.

    Raises:
        redis.RedisError: likewise.
    """
    return iter(cache.kept_of(f"user:{subject_id}"))
