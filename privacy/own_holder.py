"""What privacy itself keeps of a person: the last to go, and with it what says who they are.

Invariants:
* Who the person was goes in the transaction that leaves the tombstone, so there is no moment at which their late
  events would be taken for somebody new.
* `verify` asks every model with a column for a subject, found from the models, and so answers for all of Postgres.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from privacy import staff_accesses, tombstones, wording
from privacy.holders import REMAINS, BaseHolder, Finding, NeedsAttention, Plan, Purged, Scope, Task
from privacy.models import (
    ConsentRecord,
    DataExport,
    DeletionRequest,
    PersonLookup,
    PrivacyLink,
    PrivacySettings,
    StaffAccess,
    Subject,
    Tombstone,
)

BY_SUBJECT: tuple[type[Model], ...] = (
    PrivacySettings,
    ConsentRecord,
    StaffAccess,
    PersonLookup,
    DataExport,
    PrivacyLink,
)
"""In the order in which they go; the subject comes last."""
COLUMN, VISIT = "subject_id", "session_id"
OF_THE_REQUEST = frozenset({"privacy.DeletionRequest"})
"""It knows the pseudonym until its certificate is signed, and forgets it then."""
NO_REQUEST = "There is no request to erase this person: nothing may be erased without one."
ERASING = "SELECT set_config('leafloaf.erasing', %s, true)"


class PrivacyHolder(BaseHolder):
    """Settings, consents, who looked at the profile, exports, links, and the row that knows the shop's user id."""

    store = "postgres"
    title = "Settings, consents, staff accesses, exports, and who the person is"
    phase = REMAINS
    models = frozenset({*(model._meta.label for model in BY_SUBJECT), Subject._meta.label, *OF_THE_REQUEST})

    def plan(self, scope: Scope) -> Plan:
        if scope.before:
            return Plan(0)
        rows = sum(_of(model, scope.subject_id).count() for model in BY_SUBJECT)
        return Plan(rows + Subject.objects.filter(pk=scope.subject_id).count())

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        for task in tasks:
            if not task.scope.before:
                _erase(task.scope.subject_id)
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        return Finding.of(0 if task.scope.before else sum(found_by_model(task.scope.subject_id).values()))

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, row in _exported(scope.subject_id):
            yield name, msgspec.to_builtins(row)

    def fields(self) -> dict[str, str]:
        return {
            "person": "The id that the shop knows you by, the pseudonym that all else knows you by, and since when.",
            "settings": "What you allow now; missing while you never changed anything and have the defaults.",
            "consents": "Each change of what you allow: before and after, who made it, and the words you were shown.",
            "staff_accesses": "Who of the staff looked at you, by role, when, at what, and why.",
            "staff_lookups": "The look-ups in which they did so, of the last 90 days: from when to when, and why.",
            "exports": "Exports like this one that you asked for.",
            "links": "Links to your privacy page that the shop was given for you, and whether they were used.",
        }


def found_by_model(subject_id: UUID, using: str = DEFAULT_DB_ALIAS) -> dict[str, int]:
    """How many rows of each model name the person, asked of the database anew; models without any are left out."""
    counts = {model: _count(model, f"{COLUMN} = %s", subject_id, using) for model in models_by_subject()}
    counts[Subject] = _count(Subject, "id = %s", subject_id, using)
    return {model._meta.label: count for model, count in counts.items() if count}


def found_of_visits(sessions: Sequence[str], using: str = DEFAULT_DB_ALIAS) -> int:
    """How many rows of these visits name nobody, in the models that know both."""
    anonymous = f"{COLUMN} IS NULL AND {VISIT} = ANY(%s)"
    models = [model for model in models_by_subject() if _has(model, VISIT)]
    return sum(_count(model, anonymous, list(sessions), using) for model in models) if sessions else 0


def models_by_subject() -> Iterator[type[Model]]:
    """The models of the project with a column for a subject, whichever app they are in."""
    for model in apps.get_models(include_auto_created=True):
        if _has(model, COLUMN) and model._meta.managed and model._meta.label not in OF_THE_REQUEST:
            yield model


def _has(model: type[Model], column: str) -> bool:
    return any(field.column == column for field in model._meta.concrete_fields)


def _count(model: type[Model], condition: str, value: UUID | list[str], using: str) -> int:
    table = connections[using].ops.quote_name(model._meta.db_table)
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE {condition}", [value])  # noqa: S608
        return int(cursor.fetchone()[0])


def _of(model: type[Model], subject_id: UUID) -> QuerySet[Any]:
    return model._default_manager.filter(subject_id=subject_id)


@transaction.atomic
def _erase(subject_id: UUID) -> None:
    subject = Subject.objects.select_for_update().filter(pk=subject_id).first()
    with connection.cursor() as cursor:
        cursor.execute(ERASING, [str(subject_id)])
    for model in BY_SUBJECT:
        _of(model, subject_id).delete()
    if subject:
        _bury(subject)
        Subject.objects.filter(pk=subject_id).delete()


def _bury(subject: Subject) -> None:
    """Leaves the tombstone.

    Raises:
        NeedsAttention: nobody asked for it, or the person is served still.
    """
    asked = DeletionRequest.objects.filter(subject_id=subject.pk, kind=DeletionRequest.Kind.ERASURE)
    request = asked.exclude(state=DeletionRequest.State.CANCELLED).first()
    if request is None or subject.state != Subject.State.FENCED:
        raise NeedsAttention(NO_REQUEST)
    Tombstone.objects.create(
        user_hash=tombstones.hash_of(subject.user_id),
        generation=subject.generation,
        request_id=request.pk,
        erased_at=timezone.now(),
    )


def _exported(subject_id: UUID) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in _rows(Subject.objects.filter(pk=subject_id), "user_id", "id", "generation", "created_at"):
        yield "person", {"pseudonym": row.pop("id")} | row
    for row in _rows(_of(PrivacySettings, subject_id), *SETTINGS):
        yield "settings", row
    for row in _rows(_of(ConsentRecord, subject_id).order_by("id"), *CONSENT):
        words = {
            language: wording.of(row["text_version"], row["purpose"], language) for language in LANGUAGES
        }
        yield "consents", row | {"words": words}
    accesses = _of(StaffAccess, subject_id)
    roles = staff_accesses.roles(set(accesses.values_list("actor", flat=True)))
    for row in _rows(accesses.order_by("id"), "actor", "at", "page", "category", "reason"):
        yield "staff_accesses", {"role": roles.get(row.pop("actor")) or STAFF} | row
    lookups = _of(PersonLookup, subject_id)
    roles = staff_accesses.roles(set(lookups.values_list("actor", flat=True)))
    for row in _rows(lookups.order_by("opened_at"), *LOOKUP):
        yield "staff_lookups", {"role": roles.get(row.pop("actor")) or STAFF} | row
    for row in _rows(_of(DataExport, subject_id).order_by("created_at"), *EXPORT):
        yield "exports", row
    for row in _rows(_of(PrivacyLink, subject_id).order_by("expires_at"), "expires_at", "used_at"):
        yield "links", row


def _rows(rows: QuerySet[Any], *columns: str) -> Iterator[dict[str, Any]]:
    yield from rows.values(*columns).iterator()


LANGUAGES = ("en", "fr")
SETTINGS = tuple(field.name for field in PrivacySettings._meta.concrete_fields if field.name != "subject")
LOOKUP = ("actor", "opened_at", "expires_at", "ended_at", "category", "reason")
CONSENT = ("purpose", "value_before", "value_after", "text_version", "actor", "at")
EXPORT = ("state", "created_at", "ready_at", "expires_at", "downloaded_at", "size")
STAFF = "member of staff"
