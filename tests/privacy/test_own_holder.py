"""What privacy keeps of a person goes last, and leaves nothing but a tombstone."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, transaction

from capture import events, ingest, partitions
from leafloaf.access import audit
from leafloaf.staff.holders import StaffHolder
from personalization.models import Profile
from privacy import consent, lookups, subjects, tombstones
from privacy.holders import NeedsAttention, Plan, Presence, Scope, Task
from privacy.models import (
    Actor,
    ConsentRecord,
    DataExport,
    DeletionRequest,
    PrivacyLink,
    PrivacySettings,
    StaffAccess,
    Subject,
    Tombstone,
)
from privacy.own_holder import PrivacyHolder, found_by_model

NOW = datetime.now(UTC)
HOLDER = PrivacyHolder()


def known(user: str) -> UUID:
    """Somebody with a row, or two, of everything that privacy keeps."""
    person = subjects.resolve([user])[user]
    consent.change(person, {"price_tracking": True, "data_retention_days": 30}, Actor.USER)
    StaffAccess.objects.create(subject_id=person, actor="olive", page="settings", reason="They called.")
    lookups.open_for(user, "olive", "They called.")
    DataExport.objects.create(subject_id=person, content=b"zip")
    PrivacyLink.objects.create(token_hash=person.bytes * 2, subject_id=person, expires_at=NOW)
    return person


def fenced(person: UUID) -> DeletionRequest:
    Subject.objects.filter(pk=person).update(state=Subject.State.FENCED)
    user = Subject.objects.get(pk=person).user_id
    return DeletionRequest.objects.create(
        subject_id=person, user_hash=tombstones.hash_of(user), state=DeletionRequest.State.PURGING
    )


def task(person: UUID, plan: Plan | None = None, **limits: Any) -> Task:
    scope = Scope(person, **limits)
    return Task(scope, plan or HOLDER.plan(scope), NOW)


@pytest.mark.django_db
def test_what_is_exported_is_what_is_removed() -> None:
    ann, bob = known("ann"), known("bob")
    fenced(ann)
    planned = task(ann)
    given, kept = list(HOLDER.export(Scope(ann))), list(HOLDER.export(Scope(bob)))
    assert len(given) == planned.plan.rows == 8
    assert {name for name, _ in given} == set(HOLDER.fields())
    assert HOLDER.verify(planned).found == 8
    for _ in range(2):
        (answer,) = HOLDER.erase([planned])
        assert answer.again_at is None
    assert HOLDER.verify(planned).presence == Presence.ABSENT
    assert not list(HOLDER.export(Scope(ann)))
    assert list(HOLDER.export(Scope(bob))) == kept


@pytest.mark.django_db
def test_the_export_says_what_was_shown_and_who_looked_by_role_only() -> None:
    olive = User.objects.create_user("olive", "olive@shop.example", "secret", is_staff=True)
    olive.groups.add(Group.objects.create(name="Privacy desk"))
    ann = known("ann")
    given = list(HOLDER.export(Scope(ann)))
    ((_, person),) = [row for row in given if row[0] == "person"]
    assert (person["user_id"], person["pseudonym"]) == ("ann", str(ann))
    consents = {row["purpose"]: row for name, row in given if name == "consents"}
    assert consents["price_tracking"]["words"]["en"].startswith("Work out from the prices")
    assert (consents["retention"]["value_before"], consents["retention"]["value_after"]) == (90, 30)
    ((_, access),) = [row for row in given if row[0] == "staff_accesses"]
    assert (access["role"], access["reason"]) == ("Privacy desk", "They called.")
    ((_, lookup),) = [row for row in given if row[0] == "staff_lookups"]
    assert (lookup["role"], lookup["category"], lookup["reason"]) == ("Privacy desk", "other", "They called.")
    assert "olive" not in str(given)


@pytest.mark.django_db
def test_the_tombstone_stands_when_the_person_is_gone() -> None:
    ann = known("ann")
    request = fenced(ann)
    HOLDER.erase([task(ann)])
    stone = Tombstone.objects.get()
    assert (bytes(stone.user_hash), stone.generation, stone.request_id) == (
        tombstones.hash_of("ann"),
        1,
        request.pk,
    )
    assert tombstones.refuses(stone, NOW - timedelta(days=1))
    back = subjects.resolve(["ann"])["ann"]
    assert back != ann
    assert Subject.objects.get(pk=back).generation == 2


@pytest.mark.django_db
def test_nobody_goes_without_a_request_or_while_they_are_served() -> None:
    ann = known("ann")
    with pytest.raises(NeedsAttention) as raised:
        HOLDER.erase([task(ann)])
    assert str(ann) not in str(raised.value)
    request = fenced(ann)
    Subject.objects.filter(pk=ann).update(state=Subject.State.ACTIVE)
    with pytest.raises(NeedsAttention):
        HOLDER.erase([task(ann)])
    request.state = DeletionRequest.State.CANCELLED
    request.save()
    Subject.objects.filter(pk=ann).update(state=Subject.State.FENCED)
    with pytest.raises(NeedsAttention):
        HOLDER.erase([task(ann)])
    assert PrivacySettings.objects.count() == 1  # all or nothing
    assert Subject.objects.count() == 1
    assert not Tombstone.objects.exists()


@pytest.mark.django_db
def test_records_of_others_stay_written_once() -> None:
    ann, bob = known("ann"), known("bob")
    fenced(ann)
    HOLDER.erase([task(ann)])
    for rows in (ConsentRecord.objects, StaffAccess.objects):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.filter(subject_id=bob).delete()


@pytest.mark.django_db
def test_retention_takes_nothing() -> None:
    ann = known("ann")
    aged = task(ann, before=NOW + timedelta(days=1))
    HOLDER.erase([aged])
    assert aged.plan.rows == 0
    assert HOLDER.verify(aged).presence == Presence.ABSENT
    assert sum(found_by_model(ann).values()) == 8


@pytest.mark.django_db
def test_the_reader_looks_through_all_of_postgres() -> None:
    partitions.ensure()
    ann = known("ann")
    planned = task(ann)
    fenced(ann)
    HOLDER.erase([planned])
    Profile.objects.create(subject_id=ann)
    subjects.resolve(["bob"])
    ingest.record(events.Search(query="milk", user_id="bob"))
    found = HOLDER.verify(planned)
    assert (found.presence, found.found) == (Presence.PRESENT, 1)
    assert found_by_model(ann) == {"personalization.Profile": 1}
    assert found_by_model(Subject.objects.get(user_id="bob").pk)["capture.Event"] == 1


# What staff did


def entry(person: UUID, what: str = "") -> LogEntry:
    olive, _ = User.objects.get_or_create(username="olive")
    return LogEntry.objects.create(
        user=olive,
        content_type=ContentType.objects.get_for_model(Subject),
        object_id=str(person),
        object_repr=str(person),
        action_flag=CHANGE,
        change_message=what,
    )


@pytest.mark.django_db
def test_entries_of_the_admin_go_and_others_stay() -> None:
    ann, bob = uuid4(), uuid4()
    entry(ann)
    LogEntry.objects.filter(pk=entry(bob).pk).update(
        object_id="1", object_repr="a note", change_message=f"of {ann}"
    )
    kept = entry(bob)
    holder = StaffHolder()
    planned = Task(Scope(ann), holder.plan(Scope(ann)), NOW)
    assert len(list(holder.export(Scope(ann)))) == planned.plan.rows == holder.verify(planned).found == 2
    assert "olive" not in str(list(holder.export(Scope(ann))))
    holder.erase([planned])
    assert holder.verify(planned).presence == Presence.ABSENT
    assert list(LogEntry.objects.all()) == [kept]


@pytest.mark.django_db
def test_an_audit_entry_that_names_somebody_needs_a_person() -> None:
    ann = uuid4()
    audit.record("olive", "look", "a person", about=str(ann))
    holder = StaffHolder()
    planned = Task(Scope(ann), holder.plan(Scope(ann)), NOW)
    assert holder.verify(planned).found == 1
    with pytest.raises(NeedsAttention) as raised:
        holder.erase([planned])
    assert str(ann) not in str(raised.value)
