"""A person's own retention: enforced by the steps of an erasure, without a fence and without a certificate."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pytest_django import Settings

from privacy import consent, subjects
from privacy.erasure import machine, requests, retention
from privacy.holders import Plan, Scope
from privacy.models import Actor, Certificate, DeletionRequest, DeletionStep, Subject
from tests.privacy.shelf import HOLDERS, Shelf

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def shelves(settings: Settings) -> Iterator[None]:
    settings.DATA_HOLDERS = HOLDERS | {"identity": "privacy.own_holder.PrivacyHolder"}
    Shelf.clear()
    yield
    Shelf.clear()


def who_allows(days: int, user_id: str = "user_1", rows: int = 2) -> UUID:
    consent.change_of_user(user_id, {"data_retention_days": days}, Actor.USER)
    subject_id = subjects.resolve([user_id])[user_id]
    Shelf.rows[str(subject_id)] = rows
    return subject_id


def test_what_is_too_old_goes_and_the_person_stays() -> None:
    subject_id = who_allows(30)
    assert retention.enforce(NOW) == 1
    request = DeletionRequest.objects.get()
    assert request.before == NOW - timedelta(days=30)
    assert Subject.objects.get().state == "active"
    machine.advance_all(until_quiet=True)
    assert not DeletionRequest.objects.exists()
    assert not Certificate.objects.exists()
    assert Subject.objects.get().pk == subject_id
    assert Shelf.rows == {}
    assert {holder for holder, _ in Shelf.said} == {"Shelf", "Copy"}


def test_who_asked_for_nothing_shorter_is_left_alone() -> None:
    who_allows(90)
    assert retention.enforce(NOW) == 0


def test_where_the_log_has_nothing_too_old_no_store_is_asked() -> None:
    who_allows(30, rows=0)
    assert retention.enforce(NOW) == 0
    assert Shelf.said == [("Shelf", "plan")]


def test_the_next_night_waits_for_the_last() -> None:
    who_allows(30)
    assert [retention.enforce(NOW), retention.enforce(NOW)] == [1, 0]
    assert DeletionRequest.objects.count() == 1


def test_who_is_being_erased_is_left_to_that() -> None:
    who_allows(30)
    requests.open_for("user_1", Actor.USER)
    assert retention.enforce(NOW) == 0


def test_an_erasure_is_not_certified_before_what_a_night_began_has_ended() -> None:
    """The night has emptied the log of what would tell the erasure which objects to open."""
    who_allows(30)
    retention.enforce(NOW)
    DeletionStep.objects.update(held_at=NOW)
    request = requests.open_for("user_1", Actor.USER, timedelta(0))
    machine.advance_all(until_quiet=True)
    assert DeletionRequest.objects.get(pk=request.pk).state == "verified"
    assert not Certificate.objects.exists()
    DeletionStep.objects.update(held_at=None)
    machine.advance_all(until_quiet=True)
    assert list(DeletionRequest.objects.values_list("pk", "state")) == [(request.pk, "certified")]


def test_who_is_erased_while_the_night_looks_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others after them are not."""
    first, second = who_allows(30, "user_1"), who_allows(30, "user_2")
    plan = Shelf.plan

    def fenced(self: Shelf, scope: Scope) -> Plan:
        if scope.subject_id == min(first, second):
            Subject.objects.filter(pk=scope.subject_id).update(state=Subject.State.FENCED)
        return plan(self, scope)

    monkeypatch.setattr(Shelf, "plan", fenced)
    assert retention.enforce(NOW) == 1
    assert DeletionRequest.objects.get().subject_id == max(first, second)


def test_a_night_is_no_request_of_the_persons() -> None:
    who_allows(30)
    retention.enforce(NOW)
    assert requests.of_user("user_1") == []
