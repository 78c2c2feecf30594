"""Before anything is shown it is written down; what cannot be written down is not shown, nor is who is gone."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from privacy.erasure import requests
from privacy.models import Actor, PersonLookup, StaffAccess, Subject
from tests.staff.people.conftest import NAMES, USER, WORDS, page

pytestmark = pytest.mark.django_db

REFUSE = """
CREATE FUNCTION refuse_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the disk of the accesses is full'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON privacy_staffaccess FOR EACH ROW EXECUTE FUNCTION refuse_access();
"""
ALLOW = "DROP TRIGGER refuse ON privacy_staffaccess; DROP FUNCTION refuse_access();"


@pytest.fixture
def unwritable(db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(REFUSE)
    yield
    with connection.cursor() as cursor:
        cursor.execute(ALLOW)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("unwritable")
def test_nothing_is_shown_that_could_not_be_written_down(
    olive: Client, lookup: PersonLookup, name: str
) -> None:
    answer = page(olive, lookup, name)
    assert answer.status_code == 503
    text = answer.content.decode()
    assert "Nothing is shown, for it could not be written down" in text
    assert not [word for word in ("Milk", "disk", "Personalization", WORDS) if word in text]
    assert not StaffAccess.objects.exists()


def test_who_is_being_erased_is_gone_from_every_page(
    olive: Client, lookup: PersonLookup, settings: Settings
) -> None:
    settings.DATA_HOLDERS = {"privacy": "privacy.own_holder.PrivacyHolder"}
    asked = requests.open_for(USER, Actor.USER, timedelta(days=1))
    for name in NAMES:
        answer = page(olive, lookup, name)
        assert answer.status_code == 410
        assert "This person is gone" in answer.content.decode()
        assert "Milk" not in answer.content.decode()
    assert not StaffAccess.objects.exists()
    requests.cancel(asked.pk)
    assert page(olive, lookup).status_code == 200


def test_who_was_erased_leaves_no_look_up(olive: Client, lookup: PersonLookup) -> None:
    PersonLookup.objects.all().delete()
    Subject.objects.all().delete()
    answer = page(olive, lookup)
    assert answer.headers["Location"] == "/admin/people/"
