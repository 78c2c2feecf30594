"""What stops a deletion request before anything is erased, for somebody to look at it."""

import pytest
from pytest_django import Settings

from privacy.erasure import machine, requests
from privacy.models import (
    DeletionRequest,
)
from tests.privacy.deleting import again, asked, step
from tests.privacy.shelf import HOLDERS, Shelf

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelves")]
STATES = DeletionRequest.State


def test_nothing_to_erase_stops_and_asks() -> None:
    request = asked(rows=0)
    machine.advance_all()
    assert "Nothing was found" in again(request).question
    assert Shelf.said == [("Shelf", "plan"), ("Copy", "plan")]
    requests.let_go_on(request.pk, "sam")
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_far_too_much_stops_and_asks_and_is_planned_anew() -> None:
    Shelf.of = 2000
    request = asked(rows=101)
    machine.advance_all()
    assert "101 of about 2,000" in again(request).question
    assert Shelf.rows != {}
    Shelf.rows[str(request.subject_id)] = 102
    requests.let_go_on(request.pk, "sam")
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED
    assert step().planned == 102


def test_a_share_of_little_is_not_judged() -> None:
    Shelf.of = 900
    request = asked(rows=900)
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_another_question_is_asked_too() -> None:
    request = asked(rows=0)
    machine.advance_all()
    Shelf.of = 6000
    Shelf.rows[str(request.subject_id)] = 5000
    requests.let_go_on(request.pk, "sam")
    machine.advance_all()
    assert "5,000 of about 6,000" in again(request).question
    requests.let_go_on(request.pk, "sam")
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_a_holder_that_was_switched_on_while_somebody_thought_has_its_part(settings: Settings) -> None:
    settings.DATA_HOLDERS = {name: path for name, path in HOLDERS.items() if name != "copy"}
    request = asked(rows=0)
    machine.advance_all()
    settings.DATA_HOLDERS = HOLDERS
    Shelf.rows[str(request.subject_id)] = 3
    requests.let_go_on(request.pk, "sam")
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED
    assert set(request.steps.values_list("holder", "state")) == {(name, "absent") for name in HOLDERS}


def named_by_visits(claimed: int, own: int) -> DeletionRequest:
    Shelf.visits.append("visit")
    Shelf.claimed = claimed
    request = asked(rows=claimed + own)
    machine.advance_all()
    return request


@pytest.mark.parametrize(("claimed", "own"), [(1001, 20), (1000, 0), (51_000, 1000)])
def test_anonymous_rows_that_outnumber_the_persons_own_by_far_are_asked_about(claimed: int, own: int) -> None:
    request = named_by_visits(claimed, own)
    assert f"{claimed:,} anonymous rows" in again(request).question
    assert f"{own:,} of their own" in again(request).question
    assert ("Shelf", "erase") not in Shelf.said
    requests.let_go_on(request.pk, "sam")
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


@pytest.mark.parametrize(("claimed", "own"), [(1000, 20), (999, 0), (50_000, 1000), (0, 30)])
def test_who_is_often_signed_in_late_is_not_asked_about(claimed: int, own: int) -> None:
    assert again(named_by_visits(claimed, own)).question == ""


def test_unusually_many_visits_are_asked_about(settings: Settings) -> None:
    settings.ERASURE_MOST_VISITS = 2
    Shelf.visits.extend(["visit_1", "visit_2"])
    first = asked()
    machine.advance_all()
    assert again(first).question == ""
    Shelf.visits.append("visit_3")
    second = asked("user_2")
    machine.advance_all()
    assert "3 visits are said to be this person's, more than 2" in again(second).question
    requests.let_go_on(second.pk, "sam")
    machine.advance_all(until_quiet=True)
    assert again(second).state == STATES.CERTIFIED
