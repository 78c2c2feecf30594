"""What is done with API clients once they are there: changed, rotated, revoked. Each act is audited.

Rotation overlaps: the new key works at once and the old ones for a while yet, so that the shop can put the new one in
place without a moment in which neither works.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from leafloaf.access import audit, keys
from leafloaf.access.models import ApiClient, ApiKey

OVERLAP = timedelta(days=7)
LONGEST_OVERLAP = timedelta(days=365)


class Revoked(ValueError):
    """The client was revoked, which is for good."""


def working(client: ApiClient, now: datetime) -> QuerySet[ApiKey]:
    """The keys by which a client may call now."""
    return client.keys.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


def is_used(client: ApiClient) -> bool:
    return client.keys.exclude(last_used_at=None).exists()


@transaction.atomic
def change(client: ApiClient, *, scopes: Iterable[str], origins: Iterable[str], by: str) -> bool:
    """Gives a client other scopes and origins, and returns whether they were others.

    Raises:
        UnknownScope: see `keys.allowed_scopes`.
    """
    locked = ApiClient.objects.select_for_update().get(pk=client.pk)
    before = {"scopes": locked.scopes, "origins": locked.allowed_origins}
    after = {"scopes": keys.allowed_scopes(locked.kind, scopes), "origins": sorted(set(origins))}
    if after == before:
        return False
    client.scopes, client.allowed_origins = after["scopes"], after["origins"]
    client.save(update_fields=["scopes", "allowed_origins"])
    audit.record(by, "change API client", client.name, before=before, after=after)
    transaction.on_commit(keys.forget)
    return True


@transaction.atomic
def rotate(
    client: ApiClient, *, by: str, overlap: timedelta = OVERLAP, expires_at: datetime | None = None
) -> str:
    """Returns a new key, which cannot be read again; those before it end after `overlap`, or sooner if they would.

    Args:
        overlap: nothing ends them now.
        expires_at: when the new key ends by itself.

    Raises:
        Revoked: see there.
    """
    client = ApiClient.objects.select_for_update().get(pk=client.pk)
    if client.revoked_at:
        raise Revoked(f"{client.name} is revoked, for good; create another client.")
    now = timezone.now()
    until = now + overlap
    ending = {}
    for old in working(client, now):
        old.expires_at = min(old.expires_at or until, until)
        old.save(update_fields=["expires_at"])
        ending[old.lookup] = old.expires_at.isoformat()
    made, key = keys.add(client, expires_at=expires_at)
    audit.record(by, "rotate API key", client.name, key=made.lookup, ending=ending)
    transaction.on_commit(keys.forget)
    return key


@transaction.atomic
def revoke(clients: Iterable[ApiClient], *, by: str) -> int:
    """Ends clients with all their keys for good, and returns how many still worked."""
    wanted = [client.pk for client in clients]
    found = list(ApiClient.objects.select_for_update().filter(pk__in=wanted, revoked_at=None))
    now = timezone.now()
    ApiKey.objects.filter(client__in=found, revoked_at=None).update(revoked_at=now)
    ApiClient.objects.filter(pk__in=[client.pk for client in found]).update(revoked_at=now)
    for client in found:
        audit.record(by, "revoke API client", client.name)
    transaction.on_commit(keys.forget)
    return len(found)


@transaction.atomic
def revoke_key(key: ApiKey, *, by: str) -> bool:
    """Ends one key of a client for good, and returns whether it still worked."""
    revoked = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    if revoked:
        audit.record(by, "revoke API key", key.client.name, key=key.lookup)
        transaction.on_commit(keys.forget)
    return bool(revoked)
