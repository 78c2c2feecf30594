"""Listeners of settings, a holder or two, and what is neither."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from privacy.consent import Consent
from privacy.holders import BaseHolder, Finding, Plan, Purged, Scope, Task
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


class Forgetful(BaseHolder):
    """Can do nothing that a holder must."""

    store = "postgres"
    title = "Nothing"


class Nameless(BaseHolder):
    """Holds nothing, and does not say where."""

    def plan(self, scope: Scope) -> Plan:
        return Plan(0)

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        return Finding.of(0)

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from ()
