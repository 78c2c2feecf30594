"""Settings and consent records in the admin: read-only, under the pseudonym."""

from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from privacy import consent, subjects, wording
from privacy.models import Actor, ConsentRecord, Purpose, StaffAccess

pytestmark = pytest.mark.django_db

SETTINGS = "/admin/privacy/privacysettings/"
RECORDS = "/admin/privacy/consentrecord/"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olive"))
    return client


@pytest.fixture
def subject_id(db: None) -> UUID:
    found = subjects.resolve(["marked-user-4711"])["marked-user-4711"]
    consent.change(found, {"search_history": False, "data_retention_days": 30}, Actor.USER)
    return found


def pages(subject_id: UUID) -> list[str]:
    record = ConsentRecord.objects.get(purpose=Purpose.SEARCH_HISTORY)
    return [SETTINGS, RECORDS, f"{SETTINGS}{subject_id}/change/", f"{RECORDS}{record.pk}/change/"]


def test_staff_see_what_a_pseudonym_allows_and_never_who_it_is(staff: Client, subject_id: UUID) -> None:
    for address in pages(subject_id):
        page = staff.get(address)
        assert page.status_code == 200
        assert str(subject_id) in page.content.decode()
        assert "marked-user-4711" not in page.content.decode()
        assert 'name="_save"' not in page.content.decode()


def test_a_record_shows_the_words_that_were_agreed_to(staff: Client, subject_id: UUID) -> None:
    page = staff.get(pages(subject_id)[-1]).content.decode()
    assert wording.of("1", Purpose.SEARCH_HISTORY) in page


def test_a_person_is_found_by_the_whole_pseudonym(staff: Client, subject_id: UUID) -> None:
    for address in (SETTINGS, RECORDS):
        assert str(subject_id) in staff.get(address, {"q": f" {subject_id} "}).content.decode()
        for other in (str(uuid4()), "marked-user-4711", str(subject_id)[:8], "%"):
            page = staff.get(address, {"q": other})
            assert page.status_code == 200
            assert page.context["cl"].result_count == 0


def test_nothing_can_be_added_changed_or_deleted(staff: Client, subject_id: UUID) -> None:
    for change_page in pages(subject_id)[2:]:
        assert staff.post(change_page, {"search_history": "on"}).status_code == 403
        assert staff.post(change_page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert staff.get(f"{SETTINGS}add/").status_code == 403
    assert staff.get(f"{RECORDS}add/").status_code == 403


def test_staff_without_the_permission_see_neither(client: Client, subject_id: UUID) -> None:
    client.force_login(User.objects.create_user("passer-by", is_staff=True))
    for address in pages(subject_id):
        assert client.get(address).status_code == 403


def test_who_looks_at_a_person_is_written_down_for_the_person(staff: Client, subject_id: UUID) -> None:
    listed, record = pages(subject_id)[0], pages(subject_id)[-1]
    staff.get(listed)
    assert not StaffAccess.objects.exists()
    staff.get(record)
    access = StaffAccess.objects.get()
    assert (access.subject_id, access.actor, access.page) == (subject_id, "olive", "consent record")
