"""What staff looked at: kept of people who are there, told by role."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User

from privacy import staff_accesses, subjects
from privacy.holders import Scope
from privacy.models import StaffAccess, Subject
from privacy.own_holder import PrivacyHolder
from tests.privacy.entering import signed_in

pytestmark = pytest.mark.django_db
FENCED = Subject.State.FENCED


def test_nothing_is_written_down_of_who_is_gone() -> None:
    assert not staff_accesses.write_down(uuid4(), "olive", "Profile", "They called.")
    assert not StaffAccess.objects.exists()


def test_who_is_being_erased_is_told_who_looked_but_given_no_export_by_staff() -> None:
    person = subjects.resolve(["user_1"])["user_1"]
    Subject.objects.update(state=FENCED)
    assert not staff_accesses.write_down(person, "olive", "export", "Why", [Subject.State.ACTIVE])
    assert staff_accesses.write_down(person, "olive", "Profile", "Why")
    assert StaffAccess.objects.get().page == "Profile"


def test_the_page_and_the_export_say_the_same_of_whoever_looked() -> None:
    client = signed_in()
    User.objects.create_user("olive").groups.add(
        Group.objects.get_or_create(name="Support")[0], Group.objects.create(name="Privacy desk")
    )
    User.objects.create_superuser("root")
    person = Subject.objects.get().pk
    for actor in ("olive", "root", "gone"):
        assert staff_accesses.write_down(person, actor, "Profile", "Why")
    given = [row["role"] for name, row in PrivacyHolder().export(Scope(person)) if name == "staff_accesses"]
    assert given == ["Privacy desk, Support", "member of staff", "member of staff"]
    body = client.get("/privacy/accesses").content.decode()
    assert body.count("<dd>A member of staff</dd>") == 2
    assert "<dd>Privacy desk, Support</dd>" in body
