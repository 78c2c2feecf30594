"""Settings changed by many at once: nothing is lost, and the records join up."""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from privacy import consent, subjects
from privacy.models import Actor, ConsentRecord, PrivacySettings, Subject
from tests.calls import Api
from tests.privacy.calls import DEFAULTS, get, patch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("room")]
SECONDS = 30


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """What as many threads got that began at the same moment, each with a connection of its own."""
    barrier = Barrier(len(acts))
    connection.close()  # the pool has one for each thread, and not one more

    def run(act: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(SECONDS)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def browser(secret: Api) -> Api:
    """The same key from another place: Django's test client is not for two threads."""
    return Api(secret.key, Client())


def said(user_id: str) -> list[tuple[str, Any, Any]]:
    rows = ConsentRecord.objects.filter(subject__user_id=user_id).order_by("id")
    return list(rows.values_list("purpose", "value_before", "value_after"))


def test_two_changes_of_somebody_new_are_both_kept(secret: Api) -> None:
    bodies: list[Any] = [{"personalization_enabled": False}, {"features": {"search_history": False}}]
    features = DEFAULTS["features"] | {"search_history": False}  # type: ignore[operator]
    expected = DEFAULTS | {"personalization_enabled": False, "features": features}
    for turn in range(20):
        user_id = f"user_{turn}"
        answers = at_once([partial(patch, browser(secret), body, user_id) for body in bodies])
        assert [answer.status_code for answer in answers] == [200, 200]
        assert get(secret, user_id).json() == expected
        assert expected in [answer.json() for answer in answers]  # whoever came second saw the first
        assert sorted(said(user_id)) == [("personalization", True, False), ("search_history", True, False)]


def change_all(user_id: str, changes: Sequence[Any]) -> None:
    for some in changes:
        consent.change_of_user(user_id, some, Actor.USER)


def random_change(seed: random.Random) -> dict[str, bool | int]:
    name = seed.choice(list(consent.PURPOSES))
    return {name: seed.randint(1, 90) if name == "data_retention_days" else seed.random() < 0.5}


def test_the_records_of_many_who_change_their_minds_join_up() -> None:
    seed = random.Random(7)  # noqa: S311
    at_once([partial(change_all, "user_1", [random_change(seed) for _ in range(25)]) for _ in range(6)])
    state: dict[str, Any] = {
        purpose: getattr(consent.DEFAULTS, name) for name, purpose in consent.PURPOSES.items()
    }
    for purpose, before, after in said("user_1"):
        assert state[purpose] == before != after
        state[purpose] = after
    now = consent.of_user("user_1")
    assert state == {purpose: getattr(now, name) for name, purpose in consent.PURPOSES.items()}


def waiting() -> int:
    """How many connections wait for a row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


def until_somebody_waits() -> None:
    end = time.monotonic() + SECONDS
    while not waiting():
        assert time.monotonic() < end, "nobody waits"
        time.sleep(0.01)


def in_another_thread(pool: ThreadPoolExecutor, act: Callable[[], Any]) -> Future[Any]:
    def run() -> Any:
        try:
            return act()
        finally:
            connection.close()

    return pool.submit(run)


def test_a_change_that_meets_an_erasure_waits_and_is_refused(secret: Api) -> None:
    subject_id = subjects.resolve(["user_1"])["user_1"]
    other = browser(secret)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Subject.objects.filter(pk=subject_id).update(state=Subject.State.FENCED)
            refused = in_another_thread(pool, lambda: patch(other, {"personalization_enabled": False}))
            until_somebody_waits()
        answer = refused.result(SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (409, "being_erased")
    assert PrivacySettings.objects.count() == ConsentRecord.objects.count() == 0
    assert Subject.objects.count() == 1


def test_nobody_sees_a_change_before_it_is_committed(secret: Api) -> None:
    subject_id = subjects.resolve(["user_1"])["user_1"]
    other = browser(secret)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            consent.change(subject_id, {"personalization_enabled": False}, Actor.USER)
            assert in_another_thread(pool, lambda: get(other)).result(SECONDS).json() == DEFAULTS
        after = in_another_thread(pool, lambda: get(other)).result(SECONDS).json()
    assert after == DEFAULTS | {"personalization_enabled": False}


def test_a_change_waits_for_who_has_the_persons_row_in_share(secret: Api) -> None:
    """So whoever writes what a setting allows can keep the setting still meanwhile, with `FOR KEY SHARE`."""
    subject_id = subjects.resolve(["user_1"])["user_1"]
    other = browser(secret)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM privacy_subject WHERE id = %s FOR KEY SHARE", [subject_id])
            changed = in_another_thread(pool, lambda: patch(other, {"personalization_enabled": False}))
            until_somebody_waits()
            assert consent.of(subject_id) == consent.DEFAULTS
        assert changed.result(SECONDS).status_code == 200
    assert not consent.of(subject_id).personalization_enabled
