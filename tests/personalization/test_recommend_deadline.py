"""A list that does not come in time, because a real lock keeps a table."""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from personalization.learning import learned
from personalization.models import RecommendationMishap
from personalization.recommending import mishaps, recommend
from personalization.signals import people
from personalization.signals.people import Status
from tests.personalization import grocery
from tests.personalization.grocery import NOW, USER, buys


@pytest.fixture(autouse=True)
def shop(log: None) -> Iterator[None]:
    learned.forget()
    grocery.stock()
    buys("apple")
    yield
    learned.forget()


def limit() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


def test_in_time_it_is_the_list_and_its_status() -> None:
    found, status = recommend.within(60, people.known(USER), NOW, 20)
    assert status == Status.OK
    assert found
    assert found.items[0].sku == "apple"
    assert recommend.within(60, None, NOW, 20)[1] == Status.NO_HISTORY


@pytest.mark.parametrize(
    "table", ["personalization_producthistory", "personalization_dismissal", "catalog_product"]
)
def test_a_table_that_is_locked_ends_it_at_the_deadline_and_is_counted(table: str) -> None:
    before, usual = mishaps.totals().get(mishaps.TIMEOUT, 0), limit()
    person = people.known(USER)
    with grocery.locked(table):
        assert recommend.within(0.1, person, NOW, 20) == (None, Status.TIMEOUT)
    assert mishaps.totals()[mishaps.TIMEOUT] == before + 1
    assert sum(RecommendationMishap.objects.values_list("count", flat=True)) == 1
    assert limit() == usual
    assert recommend.within(60, person, NOW, 20)[1] == Status.OK


def test_inside_a_transaction_the_time_limit_of_before_holds_again() -> None:
    with transaction.atomic():
        usual = limit()
        assert recommend.within(60, people.known(USER), NOW, 20)[1] == Status.OK
        assert limit() == usual


def test_when_nothing_is_left_of_the_time_nothing_is_asked() -> None:
    assert recommend.within(0, people.known(USER), NOW, 20) == (None, Status.TIMEOUT)


def test_a_count_that_cannot_be_written_is_written_with_the_next() -> None:
    person = people.known(USER)
    with grocery.locked("personalization_recommendationmishap"):
        recommend.within(0, person, NOW, 20)
    assert not RecommendationMishap.objects.exists()
    recommend.within(0, person, NOW, 20)
    assert sum(RecommendationMishap.objects.values_list("count", flat=True)) == 2
