"""A person's events leave the log while others write, seal, deliver, replay and count."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections
from pytest_django import Settings

from capture import control, dead_letters, deliver, ledger, reconcile, remake
from capture.holders.log import EventLogHolder
from capture.models import DeadLetter, OutboxBatch, Sink
from capture.sinks.base import Refusal, RowsRefused
from privacy.holders import Presence, Scope
from tests.capture.erasing import (
    THREE,
    assert_sound,
    assert_the_account_closes,
    drained,
    emptied,
    erase_to_the_end,
    held,
    logged,
    rested,
    say,
    scope,
    slow,
    task,
)
from tests.conftest import memory_configuration
from tests.stack.processes import wait_until

pytestmark = pytest.mark.usefixtures("room")

MAKE = """
    INSERT INTO capture_event (event_id, event_type, subject_id, session_id, occurred_at, received_at, payload,
                               schema_version)
    SELECT %(prefix)s || '-' || number, 'search',
           (%(people)s::uuid[])[1 + (number * 7919 + number / 13) %% cardinality(%(people)s::uuid[])],
           'visit', now(), now(), jsonb_build_object('query', 'milk'), 1
    FROM generate_series(1, %(count)s) AS number
"""


@pytest.fixture(autouse=True)
def three(log: None, settings: Settings) -> None:
    settings.SINKS = THREE
    emptied()


@pytest.fixture
def short_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried more than once is waited for as long as a request may last; these requests do not."""
    monkeypatch.setattr(deliver, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(remake, "ON_ITS_WAY", timedelta(seconds=0.2))


@contextmanager
def again_and_again(*acts: Callable[[], object]) -> Iterator[None]:
    """Each act over and over in a thread of its own, until the block ends; its failure is the test's."""
    is_over = threading.Event()

    def repeat(act: Callable[[], object]) -> None:
        try:
            while not is_over.is_set():
                act()
                time.sleep(0.01)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        repeated: list[Future[None]] = [threads.submit(repeat, act) for act in acts]
        try:
            yield
        finally:
            is_over.set()
        for one in repeated:
            one.result()


def drainer(name: str) -> Callable[[], object]:
    return lambda: deliver.drain(name, budget_seconds=0.2, is_final=True)


def writer(*user_ids: str) -> Callable[[], object]:
    def write() -> None:
        for user_id in user_ids:
            say(user_id, f"{user_id}-{uuid4()}")

    return write


def made(people: list[UUID], count: int, prefix: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MAKE, {"people": people, "count": count, "prefix": prefix})


def owners() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id, subject_id::text FROM capture_event")
        return dict(cursor.fetchall())


def test_nothing_of_a_person_arrives_after_the_end_and_everything_of_others_does_once() -> None:
    for name, seconds in (("small", 0.05), ("middle", 0.1), ("large", 0.4)):
        slow(name).seconds = seconds
    for number in range(60):
        say(("ann", "bob", "eve")[number % 3], f"e-{number}")
    hers = scope("ann")
    with again_and_again(
        *(drainer(name) for name in (*THREE, *THREE)), writer("bob", "eve"), assert_the_account_closes
    ):
        time.sleep(0.3)
        assert erase_to_the_end(hers).presence == Presence.ABSENT
        calls = {name: len(slow(name).asked) for name in THREE}
        for name in THREE:
            for documents in list(slow(name).batches.values()):
                documents[:] = [one for one in documents if one["user_id"] != str(hers.subject_id)]
        time.sleep(1.0)
        wait_until(lambda: all(len(slow(name).asked) > calls[name] for name in THREE), "it went on")
    for name in THREE:
        slow(name).seconds = 0.0
    drained()
    for name in THREE:
        assert held(name) == logged()
    assert_sound()


@pytest.mark.usefixtures("short_requests")
def test_letters_are_replayed_and_batches_filled_in_again_meanwhile() -> None:
    for number in range(90):
        say(("ann", "bob", "eve")[number % 3], f"e-{number}")
    slow("middle").fail_next(*(RowsRefused({f"e-{number}": Refusal("no", {})}) for number in range(20)))
    drained()
    hers = scope("ann")

    def staff() -> None:
        dead_letters.replay(DeadLetter.objects.all(), by="test")
        control.back_fill("small", by="test")
        reconcile.everything("large", min_age=timedelta(0))
        ledger.close()

    with again_and_again(*map(drainer, THREE), staff, assert_the_account_closes, writer("bob")):
        time.sleep(0.2)
        assert erase_to_the_end(hers).presence == Presence.ABSENT
        time.sleep(0.3)
    rested()
    dead_letters.replay(DeadLetter.objects.all(), by="test")
    drained()
    assert not DeadLetter.objects.exclude(state="replayed").exists()
    assert_sound()
    for name in THREE:
        theirs = {one["event_id"] for one in slow(name).records if one["user_id"] != str(hers.subject_id)}
        assert theirs == set(logged()), name


@pytest.mark.usefixtures("short_requests")
def test_many_people_leave_a_large_log_that_goes_on_growing(
    settings: Settings, chance: random.Random
) -> None:
    settings.SINKS = {
        name: memory_configuration(
            BACKEND="tests.capture.erasing.SlowSink", BATCH_SIZE=size, OPTIONS={"name": name}
        )
        for name, size in (("small", 100), ("middle", 500), ("large", 500))
    }
    people = [UUID(int=chance.getrandbits(128)) for _ in range(200)]
    made(people, 16_000, "first")
    drained()
    made(people, 4_000, "second")
    leaving = set(chance.sample(people, 20))
    staying = [one for one in people if one not in leaving]
    before = owners()
    events = Counter(before.values())
    turns = iter(range(10**6))

    def write() -> None:
        made(staying, 50, f"new{next(turns)}")

    with again_and_again(*map(drainer, THREE), write, assert_the_account_closes):
        for one in sorted(leaving):
            planned = task(Scope(one))
            assert planned.plan.rows == events[str(one)]
            assert EventLogHolder().erase([planned])[0].again_at is None or erase_to_the_end(Scope(one))
            assert EventLogHolder().verify(planned).presence == Presence.ABSENT
    drained()
    after = owners()
    gone = {str(one) for one in leaving}
    assert {event: owner for event, owner in before.items() if owner not in gone} == {
        event: owner for event, owner in after.items() if event in before
    }
    assert not gone & set(after.values())
    assert_sound()
    assert OutboxBatch.objects.exclude(state="delivered").count() == 0
    for name in THREE:
        arrived = {one["event_id"] for one in slow(name).records}
        assert set(after) <= arrived
    assert all(sink.failures == 0 for sink in Sink.objects.all())
