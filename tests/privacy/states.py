"""People in each state that an erasure puts them into, and afterwards."""

from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from privacy import subjects, tombstones
from privacy.models import Subject, Tombstone


def fence(*users: str) -> None:
    subjects.resolve(users)
    Subject.objects.filter(user_id__in=users).update(state=Subject.State.FENCED)


@transaction.atomic
def erase(*users: str, at: datetime | None = None) -> None:
    """What is left of people at the end."""
    subjects.resolve(users)
    for subject in Subject.objects.filter(user_id__in=users):
        Tombstone.objects.create(
            user_hash=tombstones.hash_of(subject.user_id),
            generation=subject.generation,
            request_id=uuid4(),
            erased_at=at or timezone.now(),
        )
        subject.delete()


def come_back(*users: str, at: datetime | None = None) -> None:
    """Erased then, and somebody new since."""
    erase(*users, at=at)
    subjects.resolve(users)
