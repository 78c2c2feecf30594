"""What stores answer and workers suffer on the way, and that it comes to its end all the same."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from pytest_django import Settings

from privacy.erasure import machine, requests, steps
from privacy.holders import Finding, NeedsAttention, NotNow, Presence, Task
from privacy.models import (
    Certificate,
    DeletionRequest,
    DeletionStep,
)
from tests.privacy.deleting import advance, again, asked, step
from tests.privacy.shelf import HOLDERS, Copy, Follower, Shelf

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelves")]
STATES = DeletionRequest.State


def test_a_store_that_is_away_is_tried_for_ever_and_said_loudly(caplog: pytest.LogCaptureFixture) -> None:
    Shelf.failures.extend(NotNow("connection refused") for _ in range(12))
    request = asked()
    now = datetime.now(UTC) + timedelta(seconds=1)
    with caplog.at_level(logging.ERROR):
        while Shelf.failures:
            now += timedelta(hours=1)
            with time_machine.travel(now, tick=False):
                machine.advance_all()
    assert caplog.text.count("has failed") >= 9
    assert step().failures == 12
    assert step().last_error == "connection refused"
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_what_has_to_settle_waits_and_is_called_again() -> None:
    request = asked()
    later = datetime.now(UTC) + timedelta(minutes=30)
    Shelf.waits.append(later)
    machine.advance_all()
    assert (again(request).state, step().state) == (STATES.SETTLING, "settling")
    assert step().last_error == "not yet"
    with time_machine.travel(later + timedelta(seconds=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED
    assert Shelf.said.count(("Shelf", "erase")) == 2


@pytest.mark.parametrize("presence", [Presence.UNSUPPORTED, Presence.FORBIDDEN, Presence.UNREACHABLE])
def test_what_cannot_be_read_is_not_absent(presence: Presence) -> None:
    Shelf.findings.append(Finding(presence, said="403"))
    request = asked()
    advance()
    assert again(request).state == STATES.VERIFYING
    assert not Certificate.objects.exists()
    assert (step().presence, step().verified_at) == (presence, None)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_what_is_found_again_is_purged_again() -> None:
    Shelf.findings.append(Finding.of(2))
    request = asked()
    advance()
    assert (step().state, step().found) == ("waiting", 2)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED
    assert Shelf.said.count(("Shelf", "erase")) == 2


def test_what_somebody_must_look_at_stops_and_goes_on_when_told() -> None:
    Shelf.failures.append(NeedsAttention("line 3 cannot be read"))
    request = asked()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1), tick=False):
        machine.advance_all()
        machine.advance_all()
        assert step().needs_attention == "line 3 cannot be read"
        assert requests.progress(again(request))[0].needs_attention == "line 3 cannot be read"
        requests.retry(step().pk, "sam")
        machine.advance_all(until_quiet=True)
        assert again(request).state == STATES.CERTIFIED


def test_a_held_store_rests_until_it_is_released() -> None:
    request = asked(hours=1)
    Shelf.waits.append(datetime.now(UTC) + timedelta(minutes=1))
    requests.expedite(request.pk)
    machine.advance_all()
    requests.hold(step().pk, "sam", "court order 7")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=30), tick=False):
        machine.advance_all()
        assert again(request).state == STATES.SETTLING
        assert requests.progress(again(request))[0].held
        requests.release(step().pk, "sam")
        machine.advance_all(until_quiet=True)
        assert again(request).state == STATES.CERTIFIED


def test_people_are_purged_together_and_alone_when_that_fails() -> None:
    for number in range(5):
        asked(f"user_{number}")
    Copy.failures.append(NotNow("too much at once"))
    machine.advance_all(until_quiet=True)
    assert DeletionRequest.objects.filter(state=STATES.CERTIFIED).count() == 5


def test_who_outlived_the_lease_cannot_settle() -> None:
    request = asked()
    machine.move(datetime.now(UTC))
    now = datetime.now(UTC)
    mine = steps.claim(steps.unplanned(now), now)
    with time_machine.travel(now + steps.LEASE + timedelta(seconds=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED
    assert not steps.settle(mine[0], state="waiting")


@pytest.mark.usefixtures("room")
def test_two_workers_do_not_do_the_same(django_db_blocker: Any) -> None:
    for number in range(20):
        asked(f"user_{number}")
    connection.close()

    def work(_: int) -> int:
        try:
            return machine.advance_all(until_quiet=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    machine.advance_all(until_quiet=True)
    assert DeletionRequest.objects.filter(state=STATES.CERTIFIED).count() == 20
    assert Shelf.said.count(("Shelf", "plan")) == 20


def test_what_nobody_expected_is_tried_again_said_loudly_and_holds_nobody_else_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = asked("user_1"), asked("user_2")
    Shelf.failures.extend([KeyError("user_1"), KeyError("user_1")])
    advance()
    states = sorted(again(request).state for request in (first, second))
    assert states == [STATES.CERTIFIED, STATES.PURGING]
    failing = DeletionStep.objects.get(failures=1)
    assert failing.last_error.startswith("KeyError")
    assert "user_1" not in failing.last_error + caplog.text


def test_who_outlived_the_lease_does_not_begin_again() -> None:
    request = asked()
    now = datetime.now(UTC) + timedelta(seconds=1)
    with time_machine.travel(now, tick=False):
        machine.move(now)
        for claimed in iter(lambda: steps.claim(steps.unplanned(now), now), []):
            steps.plan(claimed)
        machine.move(now)
        mine = steps.claim(steps.unpurged(now), now)
    with time_machine.travel(now + steps.LEASE + timedelta(seconds=1), tick=False):
        machine.advance_all(until_quiet=True)
        Shelf.said.clear()
        steps.purge(mine)
    assert Shelf.said == []
    assert again(request).state == STATES.CERTIFIED


def test_a_store_can_be_held_before_anything_begins() -> None:
    request = asked(hours=1)
    requests.hold(step("copy").pk, "sam", "court order 7")
    requests.expedite(request.pk)
    machine.advance_all()
    assert again(request).state == STATES.PURGING
    assert ("Copy", "erase") not in Shelf.said
    requests.release(step("copy").pk, "sam")
    machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_what_a_worker_is_at_cannot_be_held() -> None:
    asked(hours=1)
    DeletionStep.objects.update(leased_until=datetime.now(UTC) + timedelta(minutes=1))
    with pytest.raises(requests.TooLate, match="at this moment"):
        requests.hold(step().pk, "sam", "court order 7")


def test_a_store_is_read_again_while_another_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    settles = datetime.now(UTC) + timedelta(minutes=30)
    monkeypatch.setattr(Copy, "waits", [settles])
    request = asked()
    machine.advance_all()
    assert {one.holder: one.state for one in request.steps.all()} == {
        "shelf": "absent",
        "copy": "settling",
        "identity": "waiting",
    }
    assert again(request).state == STATES.SETTLING
    with time_machine.travel(settles + timedelta(seconds=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_what_was_made_from_a_store_that_still_had_something_is_read_again_too() -> None:
    """The log still had an event when it was read again: a copy that was read before may have got it since."""
    request = asked()
    now = datetime.now(UTC) + timedelta(seconds=1)
    machine.move(now)
    for stage, work in ((steps.unplanned, steps.plan), (steps.unpurged, steps.purge)):
        while claimed := steps.claim(stage(now), now):
            work(claimed)
            machine.move(now)
    copy, source = step("copy"), step("shelf")
    steps.verify(steps.claim(steps.unverified(now).filter(pk=copy.pk), now))
    assert step("copy").state == "absent"
    Shelf.findings.append(Finding.of(1))
    steps.verify(steps.claim(steps.unverified(now).filter(pk=source.pk), now))
    assert (step("shelf").state, step("copy").state, step("copy").verified_at) == ("waiting", "waiting", None)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED
    assert Shelf.said.count(("Copy", "erase")) >= 2


def test_who_reads_a_copy_while_its_source_turns_out_to_have_something_has_no_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the copy was found without may be written to it from there."""
    read, readings = Shelf.verify, []

    def verify(self: Shelf, task: Task) -> Finding:
        found = read(self, task)
        if type(self) is Copy:
            readings.append(found.presence)
            if len(readings) == 1:  # another worker, which reads the shelf
                steps.is_not_absent(step("shelf"), Finding.of(2))
        return found

    monkeypatch.setattr(Shelf, "verify", verify)
    request = asked()
    advance()
    assert readings == [Presence.ABSENT]
    assert (step("shelf").state, step("copy").state, step("copy").presence) == ("waiting", "waiting", "")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert readings == [Presence.ABSENT, Presence.ABSENT]
    assert again(request).state == STATES.CERTIFIED


# What follows the others, and can erase nothing


@pytest.fixture
def follower(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What it will be found to have, time after time; then nothing."""
    settings.DATA_HOLDERS = HOLDERS | {"follower": "tests.privacy.shelf.Follower"}
    found: list[Finding] = []
    monkeypatch.setattr(Follower, "findings", found)
    return found


def states() -> dict[str, str]:
    return dict(DeletionStep.objects.values_list("holder", "state"))


def erasures(holder: str) -> int:
    return Shelf.said.count((holder, "erase"))


ALL_ABSENT = dict.fromkeys(("shelf", "copy", "identity"), "absent")


def test_what_follows_the_others_has_them_all_purged_again_and_in_their_order(
    follower: list[Finding],
) -> None:
    follower.append(Finding.of(1))
    request = asked()
    advance()
    assert states() == ALL_ABSENT | {"follower": "waiting"}
    erased = [who for who, act in Shelf.said if act == "erase"]
    assert erased == ["Shelf", "Copy", "Identity", "Follower", "Shelf", "Copy", "Identity"]
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_each_round_of_it_waits_longer_and_somebody_is_told(
    follower: list[Finding], caplog: pytest.LogCaptureFixture
) -> None:
    follower.extend([Finding.of(1)] * 12)
    request = asked()
    now, waits = datetime.now(UTC) + timedelta(seconds=1), []
    with caplog.at_level(logging.ERROR):
        while follower:
            with time_machine.travel(now, tick=False):
                machine.advance_all()
                waits.append((step("follower").available_at - now).total_seconds())
            now = step("follower").available_at + timedelta(seconds=1)
    floor, ceiling = steps.FLOOR.total_seconds(), steps.CEILING.total_seconds()
    expected = [min(floor * 2**number, ceiling) for number in range(12)]
    assert all(0.75 * most <= waited <= most for waited, most in zip(waits, expected, strict=True))
    assert caplog.text.count("has failed") == 10
    assert erasures("Shelf") == 13, "one round a try, and the first"
    with time_machine.travel(now, tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED
    assert step("follower").failures == 0


def test_what_was_given_up_stays_so_and_what_is_held_rests(follower: list[Finding]) -> None:
    """The copy is destroyed; a court holds what says who it is."""
    follower.append(Finding(Presence.UNREACHABLE))
    request = asked()
    advance()
    DeletionStep.objects.filter(holder="copy").update(state="given_up", presence=Presence.GIVEN_UP)
    DeletionStep.objects.filter(holder="identity").update(
        state="purged", held_at=datetime.now(UTC), held_by="sam", held_reason="court order 7"
    )
    follower.append(Finding.of(1))
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1), tick=False):
        machine.advance_all()
        assert states() == {
            "shelf": "absent", "copy": "given_up", "identity": "waiting", "follower": "waiting",
        }  # fmt: skip
        assert (erasures("Copy"), erasures("Identity")) == (1, 1)
        requests.release(step("identity").pk, "sam")
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert (erasures("Copy"), erasures("Identity")) == (1, 2)
    assert again(request).state == STATES.CERTIFIED


def test_who_reads_what_it_follows_meanwhile_has_no_say(
    follower: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, readings = Shelf.verify, []

    def verify(self: Shelf, task: Task) -> Finding:
        if type(self) is Shelf:
            readings.append(1)
            if len(readings) == 1:  # another worker, which reads the follower
                DeletionStep.objects.filter(holder__in=["copy", "identity", "follower"]).update(
                    state="purged"
                )
                steps.is_not_absent(step("follower"), Finding.of(2))
        return read(self, task)

    monkeypatch.setattr(Shelf, "verify", verify)
    request = asked()
    now = datetime.now(UTC) + timedelta(seconds=1)
    machine.move(now)
    for stage, work in ((steps.unplanned, steps.plan), (steps.unpurged, steps.purge)):
        while claimed := steps.claim(stage(now).filter(phase=1) if work is steps.purge else stage(now), now):
            work(claimed)
            machine.move(now)
    steps.verify(steps.claim(steps.unverified(now).filter(holder="shelf"), now))
    assert states() == dict.fromkeys(("shelf", "copy", "identity", "follower"), "waiting")
    assert (step("shelf").presence, step("shelf").verified_at) == ("", None)
    with time_machine.travel(now + timedelta(minutes=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert again(request).state == STATES.CERTIFIED


def test_who_outlived_the_lease_of_it_opens_nothing_again(follower: list[Finding]) -> None:
    follower.append(Finding(Presence.UNREACHABLE))
    request = asked()
    advance()
    now = datetime.now(UTC) + timedelta(minutes=1)
    mine = steps.claim(steps.unverified(now), now)
    with time_machine.travel(now + steps.LEASE + timedelta(seconds=1), tick=False):
        machine.advance_all(until_quiet=True)
        assert again(request).state == STATES.CERTIFIED
        steps.is_not_absent(mine[0], Finding.of(1))
    assert states() == ALL_ABSENT | {"follower": "absent"}


def test_an_ordinary_copy_has_nothing_purged_again_that_it_was_made_from(
    follower: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Copy, "findings", [Finding.of(1)])
    request = asked()
    advance()
    assert step("copy").presence == Presence.PRESENT
    assert (step("shelf").state, erasures("Shelf")) == ("absent", 1)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1), tick=False):
        machine.advance_all(until_quiet=True)
    assert (erasures("Shelf"), erasures("Copy")) == (1, 2)
    assert again(request).state == STATES.CERTIFIED
