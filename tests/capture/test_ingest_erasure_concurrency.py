"""Fences that go up while events arrive, and people who come back in many requests at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event as Signal
from typing import Any

import psycopg
import pytest
from django.db import connection

from capture import ingest
from capture.event_keys import key_of
from capture.models import Event, EventKey
from capture.partitions import name_of
from personalization.models import Profile
from privacy import subjects, suppression
from privacy.erasure import fence, requests
from privacy.models import Actor, DeletionRequest, Subject
from tests.calls import cart, search
from tests.capture.test_ingest_concurrency import all_at_once, encoded, sent
from tests.privacy.states import erase
from tests.privacy.test_consent_concurrency import SECONDS, in_another_thread, until_somebody_waits

pytestmark = pytest.mark.usefixtures("room")


def asked() -> DeletionRequest:
    """Anna asks to be erased."""
    return requests.open_for("anna", Actor.USER)


def refused_today() -> int:
    return suppression.count_of(datetime.now(UTC).date())


@contextmanager
def in_the_way(query: str, parameters: Any = ()) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of somebody else's that has done this, until the end of the block at the latest."""
    connection.ensure_connection()
    with psycopg.connect(
        connection.connection.info.dsn, password=connection.settings_dict["PASSWORD"]
    ) as other:
        other.execute(query, parameters)
        yield other
        other.rollback()


def test_what_is_refused_of_a_fence_that_is_not_committed_is_nothing(log: None) -> None:
    subjects.resolve(["anna"])
    with in_the_way("UPDATE privacy_subject SET state = 'fenced'") as other:
        with ThreadPoolExecutor(1) as pool:
            assert in_another_thread(pool, send_one).result(SECONDS).accepted == 1
        other.commit()
    assert send_one().suppressed == 1


def send_one() -> ingest.Receipt:
    return ingest.accept(encoded([cart(user_id="anna")]))


def test_an_event_that_was_on_its_way_is_stored_and_the_erasure_waits_for_it(log: None) -> None:
    """Its statement has looked before the fence and writes after it, under a younger transaction id."""
    subjects.resolve(["anna"])
    event = cart(user_id="anna")
    key, table = key_of(event["event_id"]).hex(), name_of(datetime.now(UTC).date())
    taken = "INSERT INTO capture_eventkey VALUES (%s::uuid, %s::uuid, current_date)"
    with ThreadPoolExecutor(1) as pool, in_the_way(f"LOCK TABLE {table} IN EXCLUSIVE MODE") as second:
        with in_the_way(taken, [key, key]):
            on_its_way = in_another_thread(pool, partial(ingest.accept, encoded([event])))
            until_somebody_waits()
            request = asked()
            assert not fence.is_settled(request)
        assert not fence.is_settled(request)
        assert not on_its_way.done()
        second.rollback()
        assert on_its_way.result(SECONDS).accepted == 1
    settled(request)
    assert Event.objects.get().event_id == event["event_id"]
    assert ingest.accept(encoded([cart(user_id="anna"), event])).suppressed == 2


def settled(request: DeletionRequest) -> None:
    wait_for(lambda: fence.is_settled(request))


def test_once_the_fence_has_settled_nothing_is_added(log: None) -> None:
    """Four threads send while the fence goes up."""
    subjects.resolve(["anna", "ben"])
    connection.close()
    enough, receipts = Signal(), list[ingest.Receipt]()

    def send_on() -> None:
        while not enough.is_set():
            bodies = encoded([cart(user_id="anna"), search(user_id="ben"), cart(user_id="anna")])
            receipts.append(ingest.accept(bodies))

    with ThreadPoolExecutor(4) as pool:
        sending = [in_another_thread(pool, send_on) for _ in range(4)]
        try:
            wait_for(lambda: len(receipts) > 50)
            request = asked()
            settled(request)
            before, seen = hers(request), len(receipts)
            wait_for(lambda: len(receipts) > seen + 104)  # the first of each thread may be of before
        finally:
            enough.set()
        for each in sending:
            each.result(SECONDS)
    assert hers(request) == before
    stored = sum(receipt.accepted == 3 for receipt in receipts)
    assert before == (2 * stored, [stored])
    assert {(receipt.accepted, receipt.suppressed) for receipt in receipts} == {(3, 0), (1, 2)}
    assert refused_today() == sum(receipt.suppressed for receipt in receipts) >= 200


def hers(request: DeletionRequest) -> tuple[int, list[int]]:
    """Her events, and the version of what is remembered of her, which rises with each request of hers."""
    profiles = Profile.objects.filter(subject_id=request.pseudonym).values_list("version", flat=True)
    return Event.objects.filter(subject_id=request.pseudonym).count(), list(profiles)


def wait_for(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.01)


def test_who_comes_back_in_many_requests_at_once_is_one_person(log: None) -> None:
    for turn in range(10):
        user = f"user_{turn}"
        erased_at = datetime.now(UTC) - timedelta(hours=1)
        erase(user, at=erased_at)
        late = [cart(user_id=user, timestamp=erased_at.isoformat()) for _ in range(3)]
        batches = [encoded([*late, cart(user_id=user), cart(user_id=f"{user}_{n}")]) for n in range(6)]
        receipts = all_at_once(batches)
        assert [(receipt.accepted, receipt.suppressed) for receipt in receipts] == [(2, 3)] * 6
        person = Subject.objects.get(user_id=user)
        assert (person.generation, person.begins_at) == (2, erased_at)
        assert Event.objects.filter(subject_id=person.pk).count() == 6
    assert refused_today() == 10 * 6 * 3


def test_late_events_of_the_erased_make_nobody_known_however_many_send_them(log: None) -> None:
    erased_at = datetime.now(UTC)
    erase("anna", at=erased_at)
    late = encoded([cart(user_id="anna", timestamp=erased_at.isoformat()) for _ in range(5)])
    assert [receipt.suppressed for receipt in all_at_once([late] * 16)] == [5] * 16
    assert Subject.objects.count() == Event.objects.count() == EventKey.objects.count() == 0


def test_an_end_of_an_erasure_that_meets_new_events_lets_nothing_old_in(log: None) -> None:
    """The row goes and the tombstone comes while requests arrive: each is refused, or of somebody new."""
    for turn in range(10):
        user = f"user_{turn}"
        first = subjects.resolve([user])[user]
        Subject.objects.filter(pk=first).update(state=Subject.State.FENCED)
        connection.close()
        begin, stop = Signal(), Signal()

        def send_on(user: str = user, begin: Signal = begin, stop: Signal = stop) -> None:
            while not stop.is_set():
                old = cart(user_id=user, timestamp=(datetime.now(UTC) - timedelta(days=1)).isoformat())
                receipt = sent(encoded([old, cart(user_id=user)]))
                assert receipt.suppressed >= 1
                begin.set()

        with ThreadPoolExecutor(4) as pool:
            sending: list[Future[Any]] = [pool.submit(send_on) for _ in range(4)]
            try:
                assert begin.wait(SECONDS)
                erase(user)
                wait_for(partial(has_begun, user))
            finally:
                stop.set()
            for each in sending:
                each.result(SECONDS)
        person = Subject.objects.get(user_id=user)
        assert person.pk != first
        assert person.generation == 2
        assert not Event.objects.filter(subject_id=first).exists()
        assert not Event.objects.filter(subject_id=person.pk, occurred_at__lte=person.begins_at).exists()


def has_begun(user: str) -> bool:
    """Whether there are some events of the user under another pseudonym."""
    people = Subject.objects.filter(user_id=user, generation=2)
    return Event.objects.filter(subject_id__in=people.values("id")).count() > 3
