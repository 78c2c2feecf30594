"""How a deletion request goes from its receipt to its certificate."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction

from privacy import holders, subjects
from privacy.erasure import machine, requests
from privacy.holders import NotNow
from privacy.models import (
    Actor,
    Certificate,
    DeletionRequest,
    DeletionStep,
    Subject,
    SuppressedSession,
    Tombstone,
)
from tests.privacy.deleting import advance, again, asked
from tests.privacy.shelf import Shelf

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelves")]
STATES = DeletionRequest.State
SECONDS = 30
ALL_OF_IT = [
    ("Shelf", "plan"),
    ("Copy", "plan"),
    ("Shelf", "erase"),
    ("Copy", "erase"),
    ("Identity", "erase"),
    ("Shelf", "verify"),
    ("Copy", "verify"),
    ("Identity", "verify"),
]


def test_from_the_request_to_the_certificate() -> None:
    request = asked()
    assert request.state == STATES.FENCED
    machine.advance_all(until_quiet=True)
    request = again(request)
    assert request.state == STATES.CERTIFIED
    assert request.ended_at is not None
    assert Shelf.said == ALL_OF_IT
    assert Shelf.rows == {}
    assert Certificate.objects.filter(request=request).exists()


def test_at_the_end_nothing_leads_to_the_person() -> None:
    Shelf.visits.append("visit_of_theirs")
    pseudonym = str(subjects.resolve(["user_1"])["user_1"])
    request = asked()
    machine.advance_all(until_quiet=True)
    rows = [*DeletionRequest.objects.values(), *DeletionStep.objects.values(), *Certificate.objects.values()]
    told = json.dumps(
        rows, default=lambda value: bytes(value).hex() if isinstance(value, memoryview) else str(value)
    )
    assert pseudonym not in told
    assert "user_1" not in told
    assert "visit_of_theirs" not in told
    assert Subject.objects.count() == 0
    assert Tombstone.objects.get().request_id == request.pk


def test_the_fence_is_up_before_the_answer_and_sessions_with_it() -> None:
    Shelf.visits.extend(["visit_b", "visit_a"])
    request = asked(hours=24)
    assert Subject.objects.get().state == Subject.State.FENCED
    assert request.sessions == ["visit_a", "visit_b"]
    assert SuppressedSession.objects.count() == 2
    assert subjects.resolve(["user_1"]) == {}


def test_it_cools_off_for_a_day_unless_said() -> None:
    subjects.resolve(["user_1"])
    request = requests.open_for("user_1", Actor.USER)
    assert request.state == STATES.COOLING_OFF
    assert request.fenced_at is not None
    assert request.purge_at == request.fenced_at + timedelta(hours=24)
    machine.advance_all()
    assert (again(request).state, Shelf.said) == (STATES.COOLING_OFF, [])
    with time_machine.travel(request.purge_at + timedelta(seconds=1), tick=False):
        Shelf.rows[str(request.subject_id)] = 1
        DeletionStep.objects.update(available_at=request.purge_at)
        machine.advance_all(until_quiet=True)
        assert again(request).state != STATES.COOLING_OFF


@pytest.mark.parametrize(("asked_for", "given"), [(-1, 0), (0, 0), (5, 5), (1000, 168)])
def test_it_cools_off_for_seven_days_at_most(asked_for: int, given: int) -> None:
    request = asked(hours=asked_for)
    assert request.purge_at is not None
    assert request.fenced_at is not None
    assert request.purge_at - request.fenced_at == timedelta(hours=given)


def test_who_asks_twice_has_one_request() -> None:
    request = asked(hours=1)
    assert requests.open_for("user_1", Actor.USER, timedelta(hours=9)) == request
    assert DeletionRequest.objects.count() == 1


@pytest.mark.usefixtures("room")
def test_eight_who_ask_at_once_have_one_request() -> None:
    subjects.resolve(["user_1"])
    barrier = Barrier(8)
    connection.close()

    def ask(_: int) -> Any:
        try:
            barrier.wait(SECONDS)
            return requests.open_for("user_1", Actor.USER).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_cancelling_brings_everything_back() -> None:
    Shelf.visits.append("visit")
    before = subjects.resolve(["user_1"])
    request = asked(hours=1)
    cancelled = requests.cancel(request.pk)
    assert cancelled.state == STATES.CANCELLED
    assert subjects.resolve(["user_1"]) == before
    assert SuppressedSession.objects.count() == 0
    machine.advance_all(until_quiet=True)
    assert Shelf.said == []
    assert requests.cancel(request.pk).state == STATES.CANCELLED
    assert asked(hours=1).pk != request.pk


def test_what_has_begun_cannot_be_cancelled() -> None:
    Shelf.failures.append(NotNow("away"))
    request = asked()
    advance()
    with pytest.raises(requests.TooLate, match="purging"):
        requests.cancel(request.pk)
    with pytest.raises(requests.TooLate, match="no wait"):
        requests.expedite(request.pk)


def test_expediting_skips_the_wait() -> None:
    request = asked(days=7)
    requests.expedite(request.pk)
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_nothing_is_erased_before_everything_is_planned() -> None:
    asked()
    machine.advance_all(until_quiet=True)
    plans = [place for place, (_, act) in enumerate(Shelf.said) if act == "plan"]
    erasures = [place for place, (_, act) in enumerate(Shelf.said) if act == "erase"]
    assert max(plans) < min(erasures)


def test_a_statement_that_began_before_the_fence_is_waited_for() -> None:
    """Its snapshot does not know the fence; it may still store something for the person."""
    subjects.resolve(["user_1"])
    begun, done = Barrier(2), Barrier(2)

    def writer() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("SELECT count(*) FROM privacy_subject")
                begun.wait(SECONDS)
                done.wait(SECONDS)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(writer)
        begun.wait(SECONDS)
        request = asked()
        machine.advance_all()
        assert (again(request).state, Shelf.said) == (STATES.FENCED, [])
        done.wait(SECONDS)
        running.result(SECONDS)
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_staff_need_a_second_person() -> None:
    Shelf.rows[str(subjects.resolve(["user_1"])["user_1"])] = 1
    request = requests.ask_on_behalf("user_1", "sam", "asked by letter")
    assert (request.state, Subject.objects.get().state) == (STATES.RECEIVED, "active")
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.RECEIVED
    with pytest.raises(requests.SamePerson):
        requests.approve(request.pk, "sam")
    assert requests.approve(request.pk, "kim").state == STATES.COOLING_OFF
    assert Subject.objects.get().state == "fenced"


def test_a_request_is_found_by_its_own_user_only() -> None:
    request = asked(hours=1)
    assert requests.get("user_1", request.pk) == request
    for other in ("user_2", "", "USER_1"):
        with pytest.raises(requests.NotFound):
            requests.get(other, request.pk)
    assert requests.of_user("user_2") == []


def test_a_request_is_found_after_its_end() -> None:
    request = asked()
    machine.advance_all(until_quiet=True)
    assert requests.get("user_1", request.pk).state == STATES.CERTIFIED


def test_who_comes_back_is_somebody_else() -> None:
    first = subjects.resolve(["user_1"])["user_1"]
    asked()
    machine.advance_all(until_quiet=True)
    second = Subject.objects.get(pk=subjects.resolve(["user_1"])["user_1"])
    assert (second.pk != first, second.generation) == (True, 2)
    assert second.begins_at == Tombstone.objects.get().erased_at
    request = asked()
    machine.advance_all(until_quiet=True)
    assert [one.generation for one in requests.of_user("user_1")] == [2, 1]
    assert again(request).state == STATES.CERTIFIED


def test_what_is_late_is_told() -> None:
    request = asked(hours=24)
    assert request.purge_at is not None
    due = request.purge_at + timedelta(hours=72)
    assert machine.overdue(due) == []
    assert machine.overdue(due + timedelta(seconds=1)) == [request]


def test_a_dry_run_changes_nothing() -> None:
    subject_id = subjects.resolve(["user_1"])["user_1"]
    Shelf.rows[str(subject_id)] = 7
    assert requests.dry_run("user_1") == [("A shelf", 7), ("A copy", 7), ("Who it is", 1)]
    assert requests.dry_run("nobody") == [("A shelf", 0), ("A copy", 0), ("Who it is", 0)]
    assert Subject.objects.get().state == "active"
    assert not DeletionRequest.objects.exists()


def test_the_phases_come_in_order() -> None:
    assert [holders.get(name).phase for name in holders.enabled()] == [1, 2, 3]


def test_a_visit_that_was_named_while_the_fence_went_up_is_theirs_too() -> None:
    request = asked(hours=1)
    Shelf.visits.append("named_by_a_statement_that_had_not_seen_the_fence")
    requests.expedite(request.pk)
    Shelf.waits.append(datetime.now(UTC) + timedelta(minutes=1))
    machine.advance_all()
    assert again(request).sessions == Shelf.visits
    assert SuppressedSession.objects.count() == 1


def test_another_persons_visit_stays_suppressed_when_one_cancels() -> None:
    Shelf.visits.append("shared")
    first = asked("user_1", hours=1)
    second = asked("user_2", hours=1)
    requests.cancel(second.pk)
    assert SuppressedSession.objects.get().request_id == first.pk
    requests.cancel(first.pk)
    assert not SuppressedSession.objects.exists()


def test_visits_are_suppressed_for_as_long_as_it_takes_and_a_month_more() -> None:
    Shelf.visits.append("visit")
    request = asked(days=7)
    assert SuppressedSession.objects.get().until > datetime.now(UTC) + timedelta(days=365)
    requests.expedite(request.pk)
    machine.advance_all(until_quiet=True)
    ended_at = again(request).ended_at
    assert ended_at is not None
    assert SuppressedSession.objects.get().until == ended_at + timedelta(days=31)


def test_the_person_need_not_wait_for_the_second_of_the_staff() -> None:
    Shelf.rows[str(subjects.resolve(["user_1"])["user_1"])] = 1
    waiting = requests.ask_on_behalf("user_1", "sam", "asked by letter")
    opened = requests.open_for("user_1", Actor.USER, timedelta(0))
    assert (opened.pk, opened.state, opened.actor) == (waiting.pk, STATES.FENCED, Actor.USER)
    machine.advance_all(until_quiet=True)
    assert again(opened).state == STATES.CERTIFIED


@pytest.mark.parametrize("reason", ["USER_1 wrote", "it is {pseudonym}"])
def test_a_reason_that_is_kept_for_good_names_nobody(reason: str) -> None:
    pseudonym = subjects.resolve(["user_1"])["user_1"]
    with pytest.raises(requests.NamesThePerson):
        requests.ask_on_behalf("user_1", "sam", reason.format(pseudonym=pseudonym))
    made = requests.ask_on_behalf("user_1", "sam", "wrote from jo@example.com")
    assert made.reason == "wrote from [email]"


def test_what_is_late_is_said_loudly(caplog: pytest.LogCaptureFixture) -> None:
    request = asked(hours=0)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=73), tick=False):
        assert machine.report_overdue() == 1
    assert f"{request.pk} is past its 72 hours" in caplog.text
