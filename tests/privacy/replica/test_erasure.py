"""An erasure is certified once the replica, which has everybody too, has replayed it: never before."""

import logging
import signal
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import connection
from pytest_django import Settings

from leafloaf.lib import database
from privacy import consent, deletion_queue, replica_holder
from privacy.erasure import canonical, machine, requests, retention
from privacy.holders import Finding, Plan, Presence, Scope, Task
from privacy.models import Actor, Certificate, DeletionRequest, DeletionStep, StaffAccess
from privacy.replica_holder import ReplicaHolder
from tests.privacy.deleting import advance, again, step
from tests.privacy.replica.conftest import ALL, HOLDERS, NONE, WITHOUT, Person, known
from tests.privacy.replica.passing_time import go_on, read, states, until, until_certified
from tests.privacy.shelf import Shelf

STATES = DeletionRequest.State
HOLDER = ReplicaHolder()
NAMES = ("events", "privacy", "replica")


@pytest.fixture
def paused(ann: Person) -> Iterator[None]:
    """What the database does from now on does not reach the replica's tables."""
    with ann.copy.paused():
        yield


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_holder, "PATIENCE_SECONDS", 0.1)


@pytest.fixture
def shelf() -> Iterator[None]:
    Shelf.clear()
    yield
    Shelf.clear()


EVENT = """
    INSERT INTO capture_event (event_id, event_type, subject_id, occurred_at, received_at, payload, schema_version)
    VALUES ('late', 'search', %s, now(), now(), '{"query": "rye"}', 1)
"""


def come_late(ann: Person) -> None:
    """Past every fence: rows that somebody wrote into the database by hand."""
    with connection.cursor() as cursor:
        cursor.execute(EVENT, [ann.subject_id])
    StaffAccess.objects.create(
        subject_id=ann.subject_id, actor="sam", page="profile", reason="a parcel is lost"
    )


def certified() -> dict[str, dict[str, Any]]:
    """What the one certificate says of each place."""
    content = canonical.decode(Certificate.objects.get().document.encode())
    return {place["holder"]: place for place in content["holders"]}


def test_when_the_certificate_is_there_the_replica_has_nothing_of_the_person(ann: Person) -> None:
    ann.asks()
    machine.advance_all(until_quiet=True)
    until_certified()
    assert ann.rows() == NONE
    told = certified()["replica"]
    assert (told["store"], told["title"]) == ("replica", "The replica of the database")
    assert (told["presence"], told["removed"], told["residual_until"]) == ("absent", 0, None)
    assert told["verified_by"].startswith("It repeats what the database does, deletions too")
    assert list(certified()) == list(NAMES)


@pytest.mark.usefixtures("paused", "impatient")
def test_it_waits_for_a_replica_whose_replay_is_paused(ann: Person, caplog: pytest.LogCaptureFixture) -> None:
    request = ann.asks()
    advance()
    until(lambda: step("replica").last_error.endswith(" bytes behind; replay is paused there"))
    assert step("replica").last_error.startswith("Does not answer: it has not replayed what was deleted, ")
    assert states() == {"events": "absent", "privacy": "absent", "replica": "purged"}
    assert (step("replica").presence, step("replica").verified_at) == (Presence.UNREACHABLE, None)
    assert ann.rows() == ALL
    with caplog.at_level(logging.ERROR):
        until(lambda: "has failed 3 times" in caplog.text)
    assert not Certificate.objects.exists()
    assert again(request).state != STATES.VERIFIED
    ann.copy.resume()
    until_certified()
    assert ann.rows() == NONE


def test_one_that_is_gone_is_waited_for(ann: Person) -> None:
    server = ann.copy.server
    server.kill()
    ann.asks()
    advance()
    assert states() == {"events": "absent", "privacy": "absent", "replica": "purged"}
    assert (step("replica").presence, step("replica").verified_at) == (Presence.UNREACHABLE, None)
    assert step("replica").last_error.startswith("Does not answer: ")
    assert not Certificate.objects.exists()
    server.process.start()
    server.process.wait_until_ready()
    ann.copy.wait(lambda: not database.REPLICA.is_away, 60)
    go_on(1)
    until_certified()
    assert ann.rows() == NONE


def test_one_that_is_frozen_holds_up_no_worker(ann: Person) -> None:
    try:
        ann.copy.signal(signal.SIGSTOP)
        ann.asks()
        machine.advance_all()
        assert step("replica").presence == Presence.UNREACHABLE
        assert step("events").state == step("privacy").state == "absent"
    finally:
        ann.copy.signal(signal.SIGCONT)
    ann.copy.wait(lambda: not database.REPLICA.is_away, 60)
    go_on(1)
    until_certified()


def test_one_that_was_promoted_is_no_replica(ann: Person) -> None:
    """What it has it keeps: nobody tells it of deletions any more."""
    ann.copy.ask("SELECT pg_promote()")
    try:
        request = ann.asks()
        advance()
        until(lambda: step("replica").presence == Presence.UNSUPPORTED)
        assert step("replica").state == "purged"
        assert "DATABASE_REPLICA_URL is no replica, or one no longer" in step("replica").last_error
        assert again(request).state == STATES.VERIFYING
        assert not Certificate.objects.exists()
        assert ann.rows() == ALL
    finally:
        ann.copy.server.kill()  # the next test has a new one


@pytest.mark.usefixtures("impatient")
def test_another_databases_replica_never_has_what_is_waited_for(ann: Person) -> None:
    """However far its own log is, it was never told of the lease."""
    for lease in (uuid4(), None):
        task = Task(Scope(uuid4()), Plan(0), datetime.now(UTC), lease=lease)
        ann.copy.wait(lambda task=task: is_behind(HOLDER.verify(task)), 60)


def is_behind(found: Finding) -> bool:
    """It let us in, and that is what it said."""
    return found.presence == Presence.UNREACHABLE and "not replayed what was deleted" in found.said


def test_rows_that_came_back_are_found(ann: Person) -> None:
    """Who they are, a setting, a consent, an event, and an anonymous one of their visit."""
    ann.asks()
    DeletionStep.objects.filter(holder="events").update(lease_token=(lease := uuid4()))
    task = Task(Scope(ann.subject_id, ("visit-of-ann",)), Plan(0), datetime.now(UTC), lease=lease)
    found = read(task)
    assert (found.presence, found.found) == (Presence.PRESENT, 5)
    nobody = Task(Scope(uuid4(), ("another",)), Plan(0), datetime.now(UTC), lease=lease)
    assert read(nobody).presence == Presence.ABSENT


def test_many_are_read_for_at_once(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """And as often as the replica is late, or lets nobody in."""
    findings, waited_for = replica_holder.findings, replica_holder.waited_for
    people: list[int] = []
    waits: list[int] = []

    def of_all(tasks: Sequence[Task]) -> list[Finding]:
        people.append(len(tasks))
        return findings(tasks)

    def counted(leases: set[UUID | None]) -> tuple[bool, bool]:
        waits.append(len(leases))
        return waited_for(leases)

    monkeypatch.setattr(replica_holder, "findings", of_all)
    monkeypatch.setattr(replica_holder, "waited_for", counted)
    for name in ("bob", "cat"):
        known(ann.copy, name).asks()
    ann.asks()
    advance(until_quiet=True)
    until_certified()
    assert (set(people), set(waits)) == ({3}, {1})
    assert len(waits) <= len(people)


def test_of_whom_there_was_no_time_for_is_asked_again_at_once(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica_holder, "BUDGET_SECONDS", -1.0)
    known(ann.copy, "bob").asks()
    ann.asks()
    machine.advance_all(until_quiet=True)
    until_certified()
    assert set(DeletionStep.objects.values_list("failures", flat=True)) == {0}


# Rows that came after the database was read


@pytest.mark.usefixtures("paused", "impatient")
def test_what_the_replica_has_is_purged_from_the_database_again(ann: Person) -> None:
    """Nothing can be erased in the replica: it would be found there at every try."""
    ann.asks()
    advance()
    assert states() == {"events": "absent", "privacy": "absent", "replica": "purged"}
    come_late(ann)
    ann.copy.resume()
    until(lambda: step("replica").presence == Presence.PRESENT)
    assert states() == {"events": "absent", "privacy": "absent", "replica": "waiting"}
    assert (step("replica").found, step("replica").last_error) == (2, "Present: 2 still there")
    assert not Certificate.objects.exists()
    until_certified()
    assert ann.rows() == NONE
    assert not StaffAccess.objects.exists()
    assert certified()["replica"]["presence"] == "absent"


@pytest.mark.usefixtures("paused", "impatient")
def test_a_retry_is_enough_for_it(ann: Person) -> None:
    request = ann.asks()
    machine.advance_all()
    come_late(ann)
    ann.copy.resume()
    deadline = time.monotonic() + 60
    while again(request).state != STATES.CERTIFIED:  # two rounds, where nothing else keeps the machine busy
        assert time.monotonic() < deadline, states()
        requests.retry(step("replica").pk, "sam")
        machine.advance_all()
    assert ann.rows() == NONE


# What it changes for requests, and what not


@pytest.mark.usefixtures("paused", "impatient", "shelf")
def test_a_replica_that_comes_while_a_request_is_on_its_way_is_waited_for(
    ann: Person, settings: Settings
) -> None:
    """It may be a copy from before anything was erased."""
    settings.DATA_HOLDERS = WITHOUT | {"shelf": "tests.privacy.shelf.Shelf"}
    Shelf.waits.append(datetime.now(UTC) + timedelta(minutes=30))
    request = ann.asks()
    advance()
    assert (again(request).state, set(states())) == (STATES.SETTLING, {*WITHOUT, "shelf"})
    settings.DATA_HOLDERS |= {"replica": HOLDERS["replica"]}
    go_on(1)
    assert states() == dict.fromkeys((*WITHOUT, "shelf"), "absent") | {"replica": "purged"}
    assert not Certificate.objects.exists()
    ann.copy.resume()
    go_on(2)
    until_certified()
    assert certified()["replica"]["presence"] == "absent"


def test_one_that_was_taken_away_is_put_back_or_given_up(ann: Person, settings: Settings) -> None:
    ann.copy.server.kill()
    ann.asks()
    advance()
    settings.DATA_HOLDERS = WITHOUT
    go_on(1)
    assert "replica is in DATA_HOLDERS no more" in step("replica").last_error
    assert not Certificate.objects.exists()
    requests.give_up(step("replica").pk, "sam", "The server was destroyed")
    go_on(2)
    until_certified()
    assert (certified()["replica"]["presence"], certified()["replica"]["removed"]) == ("given_up", None)


@pytest.mark.usefixtures("paused", "impatient")
def test_a_legal_hold_rests_on_it_like_on_every_place(ann: Person) -> None:
    request = ann.asks()
    machine.advance_all()
    requests.hold(step("replica").pk, "sam", "court order 7")
    ann.copy.resume()
    go_on(1)
    assert again(request).state == STATES.VERIFYING
    requests.release(step("replica").pk, "sam")
    go_on(2)
    until_certified()


def test_it_changes_nothing_about_what_asks_somebody(ann: Person) -> None:
    consent.change_of_user("bob", {"price_tracking": True}, Actor.USER)
    request = requests.open_for("bob", Actor.USER, timedelta(0))
    machine.advance_all()
    assert again(request).question.startswith("Nothing was found of this person.")


@pytest.mark.usefixtures("paused", "impatient")
def test_a_nights_retention_does_not_wait_for_it(ann: Person) -> None:
    consent.change_of_user("ann", {"data_retention_days": 1}, Actor.USER)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=3), tick=True):
        assert retention.enforce() == 1
        assert set(states()) == {"events"}
        machine.advance_all(until_quiet=True)
    assert not DeletionRequest.objects.exists()


def test_it_is_a_column_of_its_own_in_the_queue(ann: Person) -> None:
    ann.copy.server.kill()
    ann.asks()
    machine.advance_all()
    rows = deletion_queue.waiting(datetime.now(UTC))
    assert deletion_queue.stores(rows) == [("postgres", "Database"), ("replica", "Replica of the database")]
    [row] = rows
    assert {store.store: store.state for store in row.stores} == {"postgres": "absent", "replica": "purged"}


def test_it_gives_nothing_away_that_the_database_does_not(ann: Person) -> None:
    scope = Scope(ann.subject_id)
    assert (HOLDER.plan(scope), list(HOLDER.export(scope)), HOLDER.fields()) == (Plan(0), [], {})
    assert ("The replica of the database", 0) in requests.dry_run("ann")
