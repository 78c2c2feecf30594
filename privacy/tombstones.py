"""Who was erased: recognised by a keyed hash of the shop's user id, and by nothing else."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.utils.crypto import salted_hmac

from privacy.models import Tombstone

SALT = "privacy.tombstones"


def hash_of(user_id: str) -> bytes:
    """HMAC-SHA-256 with a key made of `SECRET_KEY`."""
    return next(hashes_of(user_id))


def hashes_of(user_id: str) -> Iterator[bytes]:
    """The hash under today's key, then those under `SECRET_KEY_FALLBACKS`."""
    for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        yield salted_hmac(SALT, user_id, secret=secret, algorithm="sha256").digest()


def latest(user_ids: Iterable[str]) -> dict[str, Tombstone]:
    """The last tombstone of each user who was erased before."""
    by_hash = {hashed: user_id for user_id in user_ids for hashed in hashes_of(user_id)}
    stones = Tombstone.objects.filter(user_hash__in=list(by_hash)).order_by("generation")
    return {by_hash[bytes(stone.user_hash)]: stone for stone in stones}


def refuses(stone: Tombstone, occurred_at: datetime) -> bool:
    """Whether an event that happened then is of the person who was erased."""
    return occurred_at <= stone.erased_at
