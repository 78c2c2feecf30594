"""Searches and suggestions read from a replica: the same answers, never an older catalogue, never a failure."""

import signal
import time
from collections.abc import Iterator

import pytest
from django.db import transaction

from leafloaf.catalog import deadline, replica
from leafloaf.catalog.models import Product
from leafloaf.catalog.search import SearchTimeout, search
from leafloaf.catalog.suggest import suggest
from leafloaf.lib import database, statements
from tests.catalog.conftest import MakeProduct
from tests.catalog.replica.conftest import Replica, end_of_request


@pytest.fixture(autouse=True)
def oat(copy: Replica, make_product: MakeProduct) -> Product:
    """A product that both have."""
    product = make_product("Oat drink", brand="Alpro", category="Drinks > Plant", price=3)
    copy.catch_up()
    return product


@pytest.fixture
def paused(copy: Replica) -> Iterator[None]:
    """What the primary writes does not reach the replica's tables."""
    with copy.paused():
        yield


def names(query: str) -> list[str]:
    """As one request."""
    try:
        return [hit.name for hit in search(query).results]
    finally:
        end_of_request()


def test_what_it_has_is_read_from_it(copy: Replica) -> None:
    assert names("oat") == ["Oat drink"]
    assert "Oat drink" in [found.text for found in suggest("oa")]
    assert copy.reads == {"replica": 2}


@pytest.mark.parametrize(
    "query", ["oat", "", "drink plant", "alpro", "oar drnk", "???", "something to drink"]
)
def test_both_find_the_same(copy: Replica, query: str) -> None:
    from_replica = search(query, explain=True)
    with transaction.atomic():
        assert search(query, explain=True) == from_replica
    assert copy.reads == {"replica": 1}


@pytest.mark.usefixtures("paused")
def test_an_older_catalogue_is_never_shown(copy: Replica, oat: Product) -> None:
    oat.name = "Barley drink"
    oat.save()
    assert names("barley") == ["Barley drink"]
    assert names("oat") == []
    copy.resume()
    copy.catch_up()
    assert names("barley") == ["Barley drink"]
    assert copy.reads == {"behind": 2, "replica": 1}


def test_what_is_not_committed_is_searched_where_it_is(copy: Replica, make_product: MakeProduct) -> None:
    with transaction.atomic():
        make_product("Oat flakes", price=2)
        assert set(names("oat")) == {"Oat flakes", "Oat drink"}
    assert copy.reads == {}


def test_one_that_is_gone_costs_nobody_an_answer(copy: Replica) -> None:
    assert names("oat") == ["Oat drink"]
    copy.server.kill()
    assert names("oat") == ["Oat drink"]
    assert names("oat") == ["Oat drink"]
    assert copy.reads == {"replica": 1, "failed": 1, "away": 1}  # who knows that it is away asks it nothing


def test_one_that_comes_back_is_read_from_again(copy: Replica) -> None:
    copy.server.kill()
    assert names("oat") == ["Oat drink"]
    copy.server.process.start()
    copy.server.process.wait_until_ready()
    copy.wait(lambda: not database.REPLICA.is_away)
    copy.wait(lambda: names("oat") == ["Oat drink"] and copy.reads["replica"] > 0)


def test_one_that_is_frozen_is_waited_for_once(copy: Replica) -> None:
    assert names("oat") == ["Oat drink"]
    copy.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert names("oat") == ["Oat drink"]
        assert time.monotonic() - began < 20
        assert names("oat") == ["Oat drink"]
        assert not database.is_away()
    finally:
        copy.signal(signal.SIGCONT)
    assert copy.reads == {"replica": 1, "failed": 1, "away": 1}


def test_a_search_that_takes_too_long_everywhere_is_told_so(copy: Replica) -> None:
    def slow() -> None:
        with deadline.within(0.05):
            statements.fetch("SELECT pg_sleep(5)")

    with pytest.raises(SearchTimeout):
        replica.read(slow)
    assert copy.reads == {"slow": 1}
    assert not database.REPLICA.is_away


@pytest.mark.usefixtures("long_rest")
def test_one_that_refuses_is_left_alone_for_a_while(copy: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def work() -> int:
        calls.append(statements.connection().alias)
        if calls[-1] == replica.ALIAS:
            statements.fetch("SELECT * FROM there_is_no_such_table")
        return len(calls)

    assert [replica.read(work) for _ in range(2)] == [2, 3]
    assert calls == [replica.ALIAS, "default", "default"]
    monkeypatch.setattr(replica, "_rest", replica.Rest())
    assert names("oat") == ["Oat drink"]
    assert copy.reads == {"failed": 1, "away": 1, "replica": 1}


def test_rows_cleaned_up_under_a_search_are_read_from_the_primary(copy: Replica) -> None:
    """`conflict with recovery`: nothing is wrong, so the next search goes to the replica again."""
    raised = "DO $$ BEGIN RAISE 'canceling statement due to conflict with recovery' USING ERRCODE = '40001'; END $$"

    def work() -> str:
        if statements.connection().alias == replica.ALIAS:
            statements.fetch(raised)
        return "found"

    assert replica.read(work) == "found"
    assert names("oat") == ["Oat drink"]
    assert copy.reads == {"failed": 1, "replica": 1}


def test_what_finds_out_there_that_there_is_nothing_has_read_it(copy: Replica) -> None:
    def work() -> None:
        raise LookupError(statements.connection().alias)

    with pytest.raises(LookupError, match=replica.ALIAS):
        replica.read(work)
    assert copy.reads == {"replica": 1}


def test_nothing_can_be_written_there(copy: Replica) -> None:
    def work() -> str:
        if statements.connection().alias == replica.ALIAS:
            return str(statements.fetch("SHOW transaction_read_only"))
        return "primary"

    assert replica.read(work) == "[('on',)]"
