"""A replica that is full, locked, or away for long: no search waits for it again and again, and no log fills up."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, connections
from pytest_django import Settings

from leafloaf.catalog import replica
from leafloaf.lib import database, statements
from tests.catalog.replica.conftest import Replica, forget_connections, visiting, visiting_as
from tests.catalog.replica.test_reading import names, oat, paused
from tests.config.application import database_url

__all__ = ["oat", "paused"]

LOCKS = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'catalog_offer'::regclass"


@contextmanager
def locked_there(copy: Replica) -> Iterator[None]:
    """As a replica is that stops in the midst of a migration: it holds the lock, which the primary has let go."""
    with psycopg.connect(database_url()) as migration:
        migration.execute("LOCK TABLE catalog_offer IN ACCESS EXCLUSIVE MODE")
        connection.cursor().execute("SELECT pg_switch_wal()")  # what is not committed is sent on, too
        copy.wait(lambda: copy.ask(LOCKS) == [(1,)])
        copy.pause()
    try:
        yield
    finally:
        copy.resume()


@pytest.mark.usefixtures("long_rest")
def test_a_lock_that_the_primary_has_let_go_costs_nobody_an_answer(copy: Replica) -> None:
    assert names("oat") == ["Oat drink"]
    with locked_there(copy):
        assert names("oat") == ["Oat drink"]
        assert names("drink") == ["Oat drink"]
    assert copy.reads == {"replica": 1, "failed": 1, "away": 1}
    assert not database.REPLICA.is_away


@contextmanager
def slow_there(copy: Replica, table: str) -> Iterator[None]:
    """Whoever reads the table on the replica is kept waiting for longer than any statement may take."""
    silent, database.REPLICA.silent_seconds = database.REPLICA.silent_seconds, 30.0
    primary = connection.cursor()
    primary.execute("CREATE SCHEMA slow")
    primary.execute(f"CREATE VIEW slow.{table} AS SELECT own.* FROM pg_sleep(5), public.{table} AS own")
    copy.wait(lambda: copy.ask(f"SELECT to_regclass('slow.{table}') IS NOT NULL") == [(True,)])
    usual = connections.settings[replica.ALIAS]["OPTIONS"]
    slow = usual | {"options": f"{usual['options']} -c search_path=slow,public"}
    try:
        with visiting(OPTIONS=slow):
            copy.warm()
            yield
    finally:
        database.REPLICA.silent_seconds = silent
        primary.execute("DROP SCHEMA slow CASCADE")


@pytest.mark.usefixtures("long_rest")
@pytest.mark.parametrize("table", ["catalog_product", "catalog_change"])
def test_one_that_is_slow_costs_nobody_an_answer_and_is_left_alone(
    copy: Replica,
    table: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Be it the search that takes too long there, or to find out how new the replica is."""
    settings.SEARCH_TIMEOUT_SECONDS = 3.0  # what is slow takes longer there
    with slow_there(copy, table):
        for count in (1, 2):
            for _ in range(3):
                assert names("oat") == ["Oat drink"]
            assert copy.reads == {"slow": count, "away": 2 * count}
            monkeypatch.setattr(replica._rest, "until", 0.0)
    copy.warm()
    assert names("oat") == ["Oat drink"]
    assert copy.reads == {"slow": 2, "away": 4, "replica": 1}
    assert caplog.text.count("The replica is too slow") == 1
    assert not database.REPLICA.is_away


@pytest.mark.usefixtures("long_rest")
def test_whoever_looks_at_one_that_is_slow_says_so_and_leaves_it_alone(copy: Replica) -> None:
    with slow_there(copy, "catalog_change"):
        assert replica.look() == "unhealthy"
        assert names("oat") == ["Oat drink"]
    assert copy.reads == {"away": 1}


@pytest.fixture
def guest(copy: Replica) -> Iterator[None]:
    """The shop comes as somebody who may have no connection there any more, as to a server that is full."""
    connection.cursor().execute("CREATE ROLE guest LOGIN PASSWORD 'guest' CONNECTION LIMIT 0")
    copy.wait(lambda: copy.ask("SELECT count(*) FROM pg_roles WHERE rolname = 'guest'") == [(1,)])
    with visiting_as("guest", "guest"):
        yield
    connection.cursor().execute("DROP ROLE guest")


@pytest.mark.usefixtures("guest", "long_rest")
def test_one_that_is_full_is_left_alone_for_a_while(copy: Replica) -> None:
    """It answers whoever looks that it is full, so it is not away; but each search would wait for a connection."""
    assert names("oat") == ["Oat drink"]
    copy.wait(lambda: not database.REPLICA.looking.locked())
    assert not database.REPLICA.is_away
    for _ in range(5):
        assert names("oat") == ["Oat drink"]
    assert copy.reads == {"failed": 1, "away": 5}  # who is told so asks nobody


def test_one_that_is_away_for_long_is_told_of_once(copy: Replica, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert names("oat") == ["Oat drink"]
    copy.server.kill()
    others, until = threading.active_count(), time.monotonic() + 6
    while time.monotonic() < until:
        assert names("oat") == ["Oat drink"]
        time.sleep(0.05)
    told = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert told.count("The replica is away.") == 1
    assert len(told) < 12, told
    assert threading.active_count() < others + 10


def test_one_that_refuses_for_long_is_told_of_once(
    copy: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As when a grant is missing."""

    def work() -> str:
        if statements.connection().alias == replica.ALIAS:
            statements.fetch("SELECT * FROM there_is_no_such_table")
        return "found"

    def refused() -> int:
        monkeypatch.setattr(replica._rest, "until", 0.0)
        assert replica.read(work) == "found"
        return caplog.text.count("The replica refused a search")

    assert [refused() for _ in range(3)] == [1, 1, 1]
    monkeypatch.setattr(replica._rest, "until", 0.0)
    assert names("oat") == ["Oat drink"]
    assert refused() == 2  # it was well in between
    assert copy.reads == {"failed": 4, "replica": 1}


@pytest.mark.usefixtures("long_rest")
def test_what_nobody_can_connect_with_is_away_and_no_error(
    copy: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a parameter in the address that there is none of."""
    forget_connections()
    with monkeypatch.context() as wrong:
        wrong.setitem(connections.settings[replica.ALIAS]["OPTIONS"], "nonsense", "1")
        for _ in range(3):
            assert names("oat") == ["Oat drink"]
            copy.wait(lambda: not database.REPLICA.looking.locked() or database.REPLICA.is_away)
        assert copy.reads == {"failed": 1, "away": 2}
        assert database.REPLICA.is_away
        forget_connections()
