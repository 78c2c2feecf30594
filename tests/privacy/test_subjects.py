"""From the shop's user ids to pseudonyms: one each, whoever asks first."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from pytest_django import Settings

from privacy import subjects
from privacy.models import Subject, Tombstone
from tests.calls import Api, one_of_each
from tests.privacy.states import erase

THREADS = 8


@pytest.mark.django_db
def test_a_user_keeps_the_pseudonym_of_the_first_time() -> None:
    first = subjects.resolve(["user_1", "user_2", "user_1"])
    assert set(first) == {"user_1", "user_2"}
    assert len(set(first.values())) == 2
    assert subjects.resolve(["user_2", "user_3"])["user_2"] == first["user_2"]
    assert Subject.objects.count() == 3


@pytest.mark.django_db
def test_nobody_has_no_pseudonym() -> None:
    assert subjects.resolve([]) == {}


@pytest.mark.django_db
def test_a_pseudonym_is_random_and_says_nothing_of_the_user() -> None:
    pseudonym = subjects.resolve(["user_1"])["user_1"]
    assert pseudonym.version == 4
    assert str(Subject.objects.get()) == str(pseudonym)


@pytest.mark.django_db
def test_user_ids_are_compared_letter_by_letter() -> None:
    users = ["zoe", "Zoe", "zoé", "zoe ", "'; DROP TABLE", "日本", "%", "x" * 128]
    assert len(set(subjects.resolve(users).values())) == len(users)


@pytest.mark.django_db
def test_a_known_user_costs_one_query(django_assert_num_queries: Any) -> None:
    subjects.resolve(["user_1"])
    with django_assert_num_queries(1):
        subjects.resolve(["user_1", "user_1"])


@pytest.mark.django_db
def test_who_comes_back_after_erasure_is_somebody_new() -> None:
    first = subjects.resolve(["user_1"])["user_1"]
    erase("user_1")
    second = subjects.resolve(["user_1"])["user_1"]
    erase("user_1")
    third = subjects.resolve(["user_1"])["user_1"]
    assert len({first, second, third}) == 3
    subject = Subject.objects.get()
    assert (subject.generation, subject.state) == (3, "active")
    assert subject.begins_at == Tombstone.objects.get(generation=2).erased_at


@pytest.mark.django_db
def test_who_was_never_erased_has_always_been_there() -> None:
    subjects.resolve(["user_1"])
    erase("user_1")
    subjects.resolve(["user_1", "user_2"])
    new = Subject.objects.get(user_id="user_2")
    assert (new.generation, new.begins_at) == (1, None)


@pytest.mark.django_db
def test_who_is_being_erased_has_no_pseudonym_and_gets_no_other() -> None:
    subjects.resolve(["user_1"])
    Subject.objects.update(state=Subject.State.FENCED)
    assert set(subjects.resolve(["user_1", "user_2"])) == {"user_2"}
    assert Subject.objects.count() == 2


@pytest.mark.django_db
def test_who_was_erased_is_recognised_after_the_secret_key_has_changed(settings: Settings) -> None:
    subjects.resolve(["user_1"])
    erase("user_1")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    subjects.resolve(["user_1"])
    assert Subject.objects.get().generation == 2


def at_once(users: list[list[str]]) -> list[dict[str, UUID]]:
    """What as many threads got that asked at the same moment, each in a transaction."""
    barrier = Barrier(len(users))
    connection.close()  # the pool has one for each thread, and not one more

    def ask(wanted: list[str]) -> dict[str, UUID]:
        try:
            connection.ensure_connection()
            barrier.wait(30)
            with transaction.atomic():
                return subjects.resolve(wanted)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(users)) as pool:
        return list(pool.map(ask, users))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("is_erased", [False, True])
def test_threads_that_meet_the_same_new_users_agree(is_erased: bool) -> None:
    for turn in range(30):
        users = [f"user_{turn}_{number}" for number in range(20)]
        if is_erased:
            subjects.resolve(users)
            erase(*users)
        answers = at_once([users if thread % 2 else users[::-1] for thread in range(THREADS)])
        assert all(answer == answers[0] for answer in answers)
        found = Subject.objects.filter(user_id__in=users)
        assert set(answers[0].values()) == {subject.pk for subject in found}
        assert {subject.generation for subject in found} == {2 if is_erased else 1}
        assert all((subject.begins_at is not None) == is_erased for subject in found)


@pytest.mark.django_db(transaction=True)
def test_who_gives_up_leaves_the_user_to_the_next() -> None:
    with transaction.atomic():
        lost = subjects.resolve(["user_1"])["user_1"]
        transaction.set_rollback(True)
    assert subjects.resolve(["user_1"])["user_1"] != lost
    assert Subject.objects.count() == 1


@pytest.mark.django_db
def test_the_users_id_stands_in_one_table(secret: Api) -> None:
    secret.send(*one_of_each(user_id="marked-user-4711"))
    secret.post("/api/v1/search", {"query": "milk", "user_id": "marked-user-4711"})
    holders = [
        model for model in apps.get_models(include_auto_created=True) if holds(model, "marked-user-4711")
    ]
    assert holders == [Subject]


def holds(model: type[models.Model], text: str) -> bool:
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} AS row WHERE row::text LIKE %s", [f"%{text}%"])
        return bool(cursor.fetchone()[0])
