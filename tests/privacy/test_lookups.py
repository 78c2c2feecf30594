"""Looking a person up: whom it finds, whose it is, how often, and what is left of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import time_machine
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from leafloaf.access.models import AuditEntry
from privacy import lookups, subjects
from privacy.models import LookupReason, PersonLookup, StaffAccess, Subject

ANN = "marked-user-4711"
WHY = "Bread is missing from an order."


@pytest.fixture
def ann(db: None) -> UUID:
    return subjects.resolve([ANN])[ANN]


def opened(staff: str = "olive", user: str = ANN) -> PersonLookup:
    found = lookups.open_for(user, staff, WHY)
    assert found
    return found


@pytest.mark.django_db
def test_a_person_is_looked_up_for_half_an_hour_by_who_did_it(ann: UUID) -> None:
    lookup = opened()
    assert (lookup.subject_id, lookup.actor, lookup.reason) == (ann, "olive", WHY)
    assert lookups.get(lookup.pk, "olive") == lookup == lookups.current("olive", ann)
    for staff in ("kim", "", "Olive"):
        assert lookups.get(lookup.pk, staff) is None
        assert lookups.current(staff, ann) is None
    with time_machine.travel(timezone.now() + timedelta(minutes=29), tick=False):
        assert lookups.get(lookup.pk, "olive")
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        assert lookups.get(lookup.pk, "olive") is None
        assert lookups.current("olive", ann) is None


@pytest.mark.django_db
def test_one_that_was_ended_is_over(ann: UUID) -> None:
    first, second = opened(), opened()
    lookups.end(second)
    assert lookups.get(second.pk, "olive") is None
    assert lookups.current("olive", ann) == first
    lookups.end(first)
    assert lookups.current("olive", ann) is None


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["never seen", "fenced"])
def test_who_is_not_served_is_nobody_and_stays_unknown(ann: UUID, state: str) -> None:
    Subject.objects.update(state=Subject.State.FENCED)
    user = ANN if state == "fenced" else "somebody-else"
    assert lookups.open_for(user, "olive", WHY) is None
    kept = PersonLookup.objects.get()
    assert (kept.subject_id, kept.is_open(timezone.now())) == (None, False)
    assert Subject.objects.count() == 1
    assert not list(lookups.of_staff("olive"))


@pytest.mark.django_db
def test_the_audit_says_that_somebody_was_looked_up_and_neither_whom_nor_in_which_words(ann: UUID) -> None:
    lookup = lookups.open_for(ANN, "olive", WHY, LookupReason.ORDER)
    lookups.open_for("somebody-else", "olive", WHY)
    assert lookup
    found, nobody = AuditEntry.objects.order_by("id")
    assert (found.actor, found.action, found.target) == ("olive", lookups.ACTION, str(lookup.pk))
    assert (found.reason, found.details) == (LookupReason.ORDER.label, {"found": True})
    assert (nobody.reason, nobody.details) == (LookupReason.OTHER.label, {"found": False})
    said = str(list(AuditEntry.objects.values()))
    assert not [word for word in (ANN, "somebody-else", str(ann), "Bread") if word in said]


@pytest.mark.django_db
def test_an_event_leads_to_the_person_too(ann: UUID) -> None:
    lookup = lookups.open_subject(ann, "olive", WHY, LookupReason.FAULT)
    assert lookup
    assert (lookup.subject_id, lookup.category) == (ann, "fault")
    assert lookups.open_subject(uuid4(), "olive", WHY) is None


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["", "  ", f"{ANN} has called", f"About {ANN.upper()}."])
def test_a_reason_that_is_none_or_names_the_person_is_refused(ann: UUID, reason: str) -> None:
    with pytest.raises(lookups.UnusableReason):
        lookups.open_for(ANN, "olive", reason)
    with pytest.raises(lookups.UnusableReason):
        lookups.open_subject(ann, "olive", reason)
    with pytest.raises(lookups.UnusableReason):
        lookups.open_subject(ann, "olive", f"pseudonym {ann}")
    assert not PersonLookup.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_a_short_id_is_found_as_a_word_only() -> None:
    subjects.resolve(["7"])
    assert lookups.open_for("7", "olive", "Order of 17 November")
    with pytest.raises(lookups.UnusableReason):
        lookups.open_for("7", "olive", "Customer 7 called")


@pytest.mark.django_db
def test_a_usual_reason_needs_no_words_and_words_lose_what_has_the_shape_of_somebodys(ann: UUID) -> None:
    usual = lookups.open_for(ANN, "olive", "", LookupReason.PRIVACY)
    wordy = lookups.open_for(ANN, "olive", "Called from 514-555-0199\0 twice")
    assert usual
    assert wordy
    assert usual.reason == LookupReason.PRIVACY.label
    assert wordy.reason == "Called from [phone] twice"


@pytest.mark.django_db
def test_a_member_of_the_staff_makes_so_many_within_an_hour(ann: UUID) -> None:
    for _ in range(lookups.MOST_AN_HOUR - 1):
        lookups.open_for("somebody-else", "olive", WHY)
    opened()
    with pytest.raises(lookups.TooMany, match="60 people within an hour"):
        lookups.open_for(ANN, "olive", WHY)
    assert lookups.open_for(ANN, "kim", WHY)
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        opened()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("room")
def test_those_who_ask_at_once_do_not_get_past_the_bound(ann: UUID) -> None:
    for _ in range(lookups.MOST_AN_HOUR - 2):
        opened()

    def ask(_: int) -> bool:
        try:
            return lookups.open_for(ANN, "olive", WHY) is not None
        except lookups.TooMany:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(4))) == [False, False, True, True]


@pytest.mark.django_db(transaction=True)
def test_what_is_seen_is_committed_first_and_of_who_is_gone_nothing_is(ann: UUID) -> None:
    lookup = lookups.open_for(ANN, "olive", WHY, LookupReason.ORDER)
    assert lookup
    assert lookups.seen(lookup, "History")
    access = StaffAccess.objects.get()
    assert (access.subject_id, access.actor, access.page) == (ann, "olive", "History")
    assert (access.category, access.reason) == ("order", WHY)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        lookups.seen(lookup, "History")
    Subject.objects.update(state=Subject.State.FENCED)
    assert not lookups.seen(lookup, "History")
    Subject.objects.all().delete()
    assert not lookups.seen(lookup, "History")
    assert StaffAccess.objects.count() == 1


@pytest.fixture
def access(ann: UUID) -> Iterator[StaffAccess]:
    lookups.seen(opened(), "History")
    yield StaffAccess.objects.get()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('leafloaf.erasing', %s, true)", [str(ann)])
        StaffAccess.objects.all().delete()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", ["UPDATE privacy_staffaccess SET category = ''", "DELETE FROM privacy_staffaccess"]
)
def test_what_staff_looked_at_is_never_changed_or_taken_back(access: StaffAccess, change: str) -> None:
    with (
        pytest.raises(DatabaseError, match="written once"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)
    with pytest.raises(DatabaseError), transaction.atomic():
        access.delete()


@pytest.mark.django_db
def test_look_ups_that_ended_long_ago_are_pruned_and_the_accesses_stay(
    ann: UUID, access: StaffAccess, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = opened()
    PersonLookup.objects.exclude(pk=kept.pk).update(expires_at=timezone.now() - timedelta(days=91))
    call_command("prune_lookups")
    assert capsys.readouterr().out == "1 look-ups removed.\n"
    assert list(PersonLookup.objects.all()) == [kept]
    assert StaffAccess.objects.filter(pk=access.pk).exists()
