"""Consent records in the admin: a list of nobody."""

from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from privacy import consent, subjects, wording
from privacy.models import Actor, ConsentRecord, Purpose, StaffAccess

pytestmark = pytest.mark.django_db

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


def test_the_list_says_what_was_agreed_to_in_which_words_and_not_by_whom(
    staff: Client, subject_id: UUID
) -> None:
    answer = staff.get(RECORDS)
    page = answer.content.decode()
    assert answer.context["cl"].result_count == 2
    assert wording.of("1", Purpose.SEARCH_HISTORY) in page
    assert str(subject_id) not in page
    assert "marked-user-4711" not in page
    assert not StaffAccess.objects.exists()


@pytest.mark.parametrize(
    "what", ["?q={0}", "?subject={0}", "?subject_id__exact={0}", "?subject__user_id={0}"]
)
def test_nobody_is_found_in_it(staff: Client, subject_id: UUID, what: str) -> None:
    for name in (str(subject_id), "marked-user-4711"):
        answer = staff.get(RECORDS + what.format(name), follow=True)
        assert answer.status_code in {200, 400}
        if answer.status_code == 200:
            assert answer.context["cl"].result_count == 2


def test_a_record_has_no_page_and_nothing_can_be_changed(staff: Client, subject_id: UUID) -> None:
    record = ConsentRecord.objects.first()
    assert record
    for page in (f"{record.pk}/change/", f"{record.pk}/delete/", f"{record.pk}/history/", "add/"):
        assert staff.get(RECORDS + page).status_code == 403, page
        assert staff.post(RECORDS + page, {"post": "yes"}).status_code == 403, page
    assert staff.get(f"/admin/privacy/privacysettings/{subject_id}/change/").status_code == 404


def test_staff_without_the_permission_see_none(client: Client, subject_id: UUID) -> None:
    client.force_login(User.objects.create_user("passer-by", is_staff=True))
    assert client.get(RECORDS).status_code == 403


def test_the_list_of_consents_cannot_be_asked_for_one_person(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    address = reverse("admin:privacy_consentrecord_changelist")
    for name in ("subject", "subject_id", "subject__exact", "subject__id__exact", "subject__user_id"):
        assert client.get(address, {name: str(uuid4())}).status_code == 400
    assert client.get(address, {"purpose__exact": "search_history"}).status_code == 200
