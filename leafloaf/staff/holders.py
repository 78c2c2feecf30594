"""What the records of staff say of a person: entries that name the pseudonym."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.admin.models import LogEntry
from django.db.models import Q, QuerySet

from leafloaf.lib import statements
from privacy.holders import BaseHolder, Finding, NeedsAttention, Plan, Purged, Scope, Task

IN_AUDIT = (
    "The audit record, which is never changed, names the person: {} entries. Nothing should write it there."
)
FOUND = """
    SELECT count(*) FROM django_admin_log
    WHERE position(%(person)s::text IN concat_ws(' ', object_id, object_repr, change_message)) > 0
"""
AUDITED = """
    SELECT count(*) FROM access_auditentry
    WHERE position(%(person)s::text IN concat_ws(' ', actor, action, target, reason, details::text)) > 0
"""


class StaffHolder(BaseHolder):
    """The admin's log of changes, and the audit record, which must not name anybody and is read for proof.

    An audit entry is written once. One that names a pseudonym all the same stops the step for a person to look at.
    """

    store = "postgres"
    title = "Records of what staff did"
    models = frozenset({"admin.LogEntry", "access.AuditEntry"})

    def plan(self, scope: Scope) -> Plan:
        return Plan(0 if scope.before else _entries(scope.subject_id).count())

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        for task in tasks:
            if not task.scope.before:
                _entries(task.scope.subject_id).delete()
                if audited := _count(AUDITED, task.scope.subject_id):
                    raise NeedsAttention(IN_AUDIT.format(audited))
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        if task.scope.before:
            return Finding.of(0)
        person = task.scope.subject_id
        return Finding.of(_count(FOUND, person) + _count(AUDITED, person))

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        for row in _entries(scope.subject_id).order_by("id").values(*TOLD):
            yield "staff_records", msgspec.to_builtins(row)

    def fields(self) -> dict[str, str]:
        return {"staff_records": "What staff changed that has to do with you, and when; not who of them."}


TOLD = ("action_time", "object_repr", "change_message")


def _entries(subject_id: UUID) -> QuerySet[LogEntry]:
    person = str(subject_id)
    return LogEntry.objects.filter(
        Q(object_id__contains=person) | Q(object_repr__contains=person) | Q(change_message__contains=person)
    )


def _count(query: str, subject_id: UUID) -> int:
    return int(statements.fetch(query, {"person": str(subject_id)})[0][0])
