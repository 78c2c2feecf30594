"""Listeners of settings, and what is none."""

from uuid import UUID

from privacy.consent import Consent
from privacy.models import ConsentRecord, PrivacySettings

told: list[tuple[UUID, Consent, Consent]] = []
"""What `listener` heard; whoever uses it empties it."""


class Refused(Exception):
    """What `refusing` raises."""


def listener(subject_id: UUID, before: Consent, after: Consent) -> None:
    told.append((subject_id, before, after))


def looking(subject_id: UUID, before: Consent, after: Consent) -> None:
    """Sees in its own transaction what is being changed."""
    stored = PrivacySettings.objects.get(subject_id=subject_id)
    assert stored.search_history == after.search_history
    assert ConsentRecord.objects.filter(subject_id=subject_id).exists()
    told.append((subject_id, before, after))


def refusing(subject_id: UUID, before: Consent, after: Consent) -> None:
    raise Refused


def deaf() -> None:
    """Takes nothing."""


silent = "no listener"
