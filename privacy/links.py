"""A way into a person's own page: random, kept as a hash, good once and for a quarter of an hour.

What a link leads to is the person's pseudonym or, of who was erased, the id of their last deletion request: nobody is
made known again by looking at their certificate.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from privacy import subjects
from privacy.erasure import requests
from privacy.models import DeletionRequest, PrivacyLink, Subject

LIFE = timedelta(minutes=15)
REMEMBERED = timedelta(days=1)
"""How long a used link is kept, for it is what a session refers to."""
BYTES = 32


def make(user_id: str) -> tuple[str, datetime]:
    """A new link for the shop's user, and when it ends; who was never seen becomes known."""
    now = timezone.now()
    PrivacyLink.objects.filter(expires_at__lt=now - REMEMBERED).delete()
    token = secrets.token_urlsafe(BYTES)
    expires_at = now + LIFE
    while not stored(token, goal(user_id), expires_at):
        pass  # they were erased since their goal was looked up: it is another one now
    return token, expires_at


@transaction.atomic
def stored(token: str, leads_to: UUID, expires_at: datetime) -> bool:
    """Whether the link is there; none leads to a pseudonym that nobody has any more."""
    is_there = subjects.hold(leads_to) or DeletionRequest.objects.filter(pk=leads_to).exists()
    if is_there:
        PrivacyLink.objects.create(token_hash=hash_of(token), subject_id=leads_to, expires_at=expires_at)
    return is_there


def goal(user_id: str) -> UUID:
    """The pseudonym, of who is being erased too; of who is gone, the id of the request that saw to it."""
    if known := Subject.objects.filter(user_id=user_id).values_list("pk", flat=True).first():
        return known
    for request in requests.of_user(user_id):
        if request.state != DeletionRequest.State.CANCELLED:
            return request.pk
    subjects.resolve([user_id])
    return Subject.objects.values_list("pk", flat=True).get(user_id=user_id)


def until(token: str) -> datetime | None:
    """When a link that still works ends; None for any other."""
    return working(token).values_list("expires_at", flat=True).first()


def use(token: str) -> PrivacyLink | None:
    """The link, to one caller only; None when it does not work or somebody else was first."""
    used = working(token).update(used_at=timezone.now())
    return PrivacyLink.objects.filter(pk=hash_of(token)).first() if used else None


def working(token: str) -> QuerySet[PrivacyLink]:
    return PrivacyLink.objects.filter(pk=hash_of(token), used_at=None, expires_at__gt=timezone.now())


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
