"""People who share every batch with others are erased while the shop goes on: nothing of anybody else's changes.

The crowd's own process goes on sending and delivering, to the erased people's names too.
"""

import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.utils import timezone

from capture import ledger, reconcile
from capture.models import Event, OutboxBatch
from leafloaf.catalog import loading
from privacy.erasure import machine, requests
from privacy.models import Actor, Certificate, DeletionRequest, Subject
from tests.config import application
from tests.faults import conserved, crowd
from tests.faults.conserved import Whose
from tests.faults.test_killed_erasers import stores
from tests.flows.stores import Stores
from tests.standins import Standin

__all__ = ["stores"]

BUFFERED_SECONDS = 2 * 3600.0
STATES = DeletionRequest.State


@pytest.mark.parametrize(
    ("lines", "people", "erased", "seconds"),
    [(5_000, 100, 10, 300), pytest.param(1_000_000, 4_000, 100, 3600, marks=pytest.mark.slow)],
)
def test_the_lines_of_everybody_else_are_as_they_were(
    stores: Stores, chance: random.Random, tmp_path: Path, lines: int, people: int, erased: int, seconds: int
) -> None:
    loading.load(["sku,name,brand,category,price", "sku-1,Oat milk,Oatly,Dairy,1.50"])
    run(tmp_path, "fill", lines, people)
    chosen = chance.sample(with_visits_of_their_own(people), erased)
    whose = named(chosen)
    lines_before = conserved.in_cloud_storage(stores, whose)
    rows_before = conserved.in_bigquery(stores, whose)
    logged_before, theirs = conserved.in_log(whose)
    assert lines_before.event_ids == rows_before.event_ids == logged_before
    assert lines_before.theirs == rows_before.theirs == theirs > erased

    with going_on(tmp_path, people), past_the_buffer():
        erase([crowd.user(number) for number in chosen], seconds)
    crowd_drained(seconds)

    logged, left = conserved.in_log(whose)
    came = logged - logged_before
    assert left == 0
    assert logged_before - logged == {}
    assert came.total() > 0, "nothing was written meanwhile"
    for before, after in [
        (lines_before, conserved.in_cloud_storage(stores, whose)),
        (rows_before, conserved.in_bigquery(stores, whose)),
    ]:
        assert after.theirs == 0
        assert after.missing(before) == 0
        assert after.without(before).event_ids == came
        assert after.content.total() == logged.total()
    assert different(conserved.in_redis(settings.REDIS_PREFIX), conserved.in_redis_of_the_log()) == []
    assert ledger.open_accounts(ledger.close()) == []
    assert_everything_is_whole(logged.total())
    print(f"{lines} lines, {theirs} of {erased} people erased, {came.total()} came meanwhile")  # noqa: T201


def run(folder: Path, *arguments: object) -> None:
    """The crowd's program to its good end."""
    program = crowd_begun(folder, *arguments)
    code, output = application.ended(program, 3600)
    assert code == 0, output


def crowd_begun(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    command = ["-m", "tests.faults.crowd", *map(str, arguments)]
    return application.begun(command, application.environment(folder))


@contextmanager
def going_on(folder: Path, people: int) -> Iterator[None]:
    """Others shop and are delivered in a process of their own, until the end of the block."""
    program = crowd_begun(folder, "go-on", people)
    assert program.stdout is not None
    try:
        assert program.stdout.readline() == "going on\n"
        yield
        program.terminate()
        code, output = application.ended(program)
        assert code == 0, output
        refused = int(output.split()[-1])
        assert refused > 0, "nobody spoke in the name of who is being erased"
    finally:
        application.killed(program)
        program.stdout.close()


@contextmanager
def past_the_buffer() -> Iterator[None]:
    """BigQuery lets go of what was streamed just now, and by its clock all of it was hours ago: nobody waits here."""
    control = Standin(settings.BIGQUERY_ENDPOINT)
    control.hold_rows(0)
    control.advance(BUFFERED_SECONDS)
    try:
        yield
    finally:
        control.advance(-BUFFERED_SECONDS)
        control.hold_rows(30)


def with_visits_of_their_own(people: int) -> list[int]:
    """Who was signed in once in each of their visits: one in which nobody ever was stays nobody's.

    And nobody with whom another of them shares a device, whose visits would then be nobody else's.
    """
    signed_in = set(Event.objects.exclude(subject_id=None).values_list("session_id", flat=True).distinct())
    visits = {number: {crowd.visit(number, part) for part in range(5)} for number in range(0, people, 2)}
    return [number for number, theirs in visits.items() if theirs <= signed_in]


def named(chosen: list[int]) -> Whose:
    """Who is erased: their pseudonyms, and their anonymous visits."""
    users = [crowd.user(number) for number in chosen]
    pseudonyms = set(map(str, Subject.objects.filter(user_id__in=users).values_list("pk", flat=True)))
    assert len(pseudonyms) == len(chosen)
    visits = {crowd.visit(number, part) for number in chosen for part in range(5)}

    def whose(user_id: str | None, visit: str | None) -> bool:
        return user_id in pseudonyms if user_id else visit in visits

    return whose


def erase(users: list[str], seconds: float) -> None:
    """Some of them, and the others while those are on their way; each to the certificate."""
    deadline = time.monotonic() + seconds
    asked = [ask(user) for user in users[::2]]
    machine.advance_all(timezone.now())  # what is due now; its clock stands still
    asked += [ask(user) for user in users[1::2]]
    while (
        open_ones := DeletionRequest.objects.filter(pk__in=asked).exclude(state=STATES.CERTIFIED)
    ).exists():
        machine.advance_all()
        assert time.monotonic() < deadline, [
            (step.holder, step.state, step.last_error, step.needs_attention, step.request.question)
            for request in open_ones
            for step in request.steps.all()
        ]
        time.sleep(0.05)
    assert Certificate.objects.filter(pk__in=asked).count() == len(users)


def ask(user: str) -> UUID:
    return requests.open_for(user, Actor.USER, timedelta(0)).pk


def crowd_drained(seconds: float) -> None:
    """What was still owed when the crowd went home."""
    deadline = time.monotonic() + seconds
    for name in crowd.SINKS:
        crowd.drain(name)
    while OutboxBatch.objects.exclude(state=OutboxBatch.State.DELIVERED).exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
        for name in crowd.SINKS:
            crowd.drain(name)


def different(one: dict[str, object], other: dict[str, object]) -> list[str]:
    """The names of the keys that are not the same in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def assert_everything_is_whole(events: int) -> None:
    """The reconciler, asked at once, finds all events once, and has nothing sent again."""
    for name in ("cloud_storage", "bigquery"):
        OutboxBatch.objects.filter(sink=name).update(recounted_at=None)
        owed = held = 0
        while OutboxBatch.objects.filter(sink=name, recounted_at=None).exists():
            tally = reconcile.everything(name, min_age=timedelta(0))
            assert (tally.lost, tally.doubled, tally.incomparable) == ({}, 0, 0), str(tally)
            owed, held = owed + tally.owed, held + tally.held
            if not tally.stopped:
                break
        assert held >= events
        assert held == owed
    assert not OutboxBatch.objects.exclude(state=OutboxBatch.State.DELIVERED).exists()
