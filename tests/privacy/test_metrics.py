"""The privacy metrics: numbers in which nobody is picked out."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from privacy import consent, metrics, subjects, tasks
from privacy.models import (
    Actor,
    DataExport,
    PrivacyReport,
    RetentionNight,
    StaffAccess,
    Subject,
    SuppressedCount,
)
from tests.staff.conftest import staff

pytestmark = pytest.mark.django_db
PAGE = "/admin/dashboards/privacy-metrics/"
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)


@pytest.fixture
def ada() -> Client:
    return staff("ada", "privacy.view_metrics")


def words(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def people(count: int, **changes: Any) -> None:
    """Some more people, who set something if `changes` say so."""
    names = [f"user-{uuid4()}" for _ in range(count)]
    for subject_id in subjects.resolve(names).values():
        if changes:
            consent.change(subject_id, cast("consent.Changes", changes), Actor.USER)


def test_a_new_shop_is_told_how_it_gets_its_numbers(ada: Client) -> None:
    told = words(ada)
    assert "Nothing counted yet." in told
    assert "manage.py count_privacy" in told
    assert "None was refused." in told
    assert "No night was kept yet." in told


def test_a_number_of_people_is_rounded_down_to_a_five(ada: Client) -> None:
    people(12, personalization_enabled=False)
    people(4, household_inference=True)
    people(7)
    metrics.count()
    told = words(ada)
    assert "Of 20 people" in told
    assert re.search(r"Personalization off 50 % 50.0 % 10 ", told)
    assert re.search(r"Household inference on – – fewer than 5 ", told)
    assert re.search(r"Personalization fewer than 5 10 ", told)
    kept = PrivacyReport.objects.get().numbers
    assert "12" not in str({name: value for name, value in kept.items() if name != "since"})


@pytest.mark.parametrize("count", range(23))
def test_one_person_more_is_never_told(count: int) -> None:
    assert metrics.rounded(count) % metrics.K == 0
    assert 0 <= count - metrics.rounded(count) < metrics.K


def test_consents_are_told_week_by_week(ada: Client) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        people(6, search_history=False)
        people(6, data_retention_days=30)
        metrics.count(datetime.now(UTC) + timedelta(minutes=1))
    weeks = PrivacyReport.objects.get().numbers["consents"]["weeks"]
    assert weeks["withdrawn search_history"] == [0] * (metrics.WEEKS - 1) + [5]
    assert weeks["withdrawn retention"][-1] == 5
    assert "the person 10" in words(ada)
    assert "Withdrawn over time" in words(ada)


def test_exports_are_counted_with_their_median(ada: Client) -> None:
    now = datetime.now(UTC)
    people(1)
    subject_id = Subject.objects.get().pk
    for seconds in range(5):
        DataExport.objects.create(subject_id=subject_id, state="ready")
        DataExport.objects.filter(ready_at=None).update(
            created_at=now - timedelta(hours=1), ready_at=now - timedelta(hours=1, seconds=-seconds)
        )
    metrics.count(now)
    assert PrivacyReport.objects.get().numbers["exports"] == {
        "asked": 5,
        "made": 5,
        "taken": 0,
        "half_seconds": 2.0,
    }


def test_looks_of_staff_are_counted_by_role_and_reason(ada: Client) -> None:
    support = Group.objects.get_or_create(name="Support")[0]
    User.objects.create_user("sam").groups.add(support)
    for actor, category in (("sam", "order"), ("sam", "order"), ("gone", "")):
        StaffAccess.objects.create(
            subject_id=uuid4(), actor=actor, page="person", category=category, reason="parcel of Jane Doe"
        )
    metrics.count(datetime.now(UTC) + timedelta(minutes=1))
    told = words(ada)
    assert re.search(r"By whom Pages Support 2 In no group 1 Why Pages A problem with an order 2 ", told)
    assert "Jane" not in told
    assert "sam " not in told


def test_late_events_and_nights_are_shown_as_they_come(ada: Client) -> None:
    SuppressedCount.objects.create(day=datetime.now(UTC).date(), count=7)
    RetentionNight.objects.create(ran_at=datetime.now(UTC), people=3)
    told = words(ada)
    assert "highest 7" in told
    assert "fewer than 5" in told


def test_the_nightly_retention_is_kept_as_a_number(db: None) -> None:
    RetentionNight.objects.create(ran_at=datetime.now(UTC) - timedelta(days=91), people=3)
    tasks.enforce_retention()
    call_command("enforce_retention")
    assert list(RetentionNight.objects.values_list("people", flat=True)) == [0, 0]


def test_it_is_counted_when_it_is_due_and_not_before() -> None:
    now = datetime.now(UTC)
    assert metrics.count_due(now + timedelta(seconds=1))
    assert not metrics.count_due(now + timedelta(minutes=30))
    assert metrics.count_due(now + timedelta(hours=2))
    assert not tasks.count_privacy()


def test_what_is_wrong_is_on_the_overview(ada: Client) -> None:
    now = datetime.now(UTC)
    PrivacyReport.objects.create(name=metrics.NAME, counted_at=now, due_at=now - timedelta(hours=2))
    RetentionNight.objects.create(ran_at=now - timedelta(days=2), people=0)
    DataExport.objects.create(subject_id=uuid4())
    DataExport.objects.update(created_at=now - timedelta(hours=2))
    told = words(ada, "/admin/")
    assert "Retentions were not enforced last night" in told
    assert "The privacy metrics are counted no more" in told
    assert "has been waiting for more than an hour" in told


def test_who_may_not_see_it_does_not(client: Client) -> None:
    assert staff("passer-by").get(PAGE).status_code == 403
    assert client.get(PAGE).status_code == 302


def test_the_page_takes_few_queries(ada: Client, django_assert_max_num_queries: Any) -> None:
    people(3, search_history=False)
    metrics.count()
    with django_assert_max_num_queries(15):
        ada.get(PAGE)
