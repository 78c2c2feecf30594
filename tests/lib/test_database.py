"""Whether Postgres is away: asked of one that is there, one that is slow, and one that is not."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection

from leafloaf.lib import database
from leafloaf.stack import ports
from tests.config.application import database_url
from tests.config.relay import Relay


class Mute(Relay):
    """Passes nothing on once it is told so, as a server that is frozen."""

    is_mute = False

    def passing(self, data: bytes) -> bytes:
        return b"" if self.is_mute else data


@pytest.fixture
def mute(log: None) -> Iterator[Mute]:
    """A way to Postgres for this process's watch, which has its own again before the database is emptied."""
    with Mute(ports.any_free(), int(connection.settings_dict["PORT"])) as relay:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(connection.settings_dict, "PORT", str(relay.port))
            yield relay
        relay.is_mute = False
        wait_until_known(False)


def wait_until_known(is_away: bool) -> None:
    deadline = time.monotonic() + 60
    while database.is_away() != is_away or (not is_away and database.PRIMARY.looking.locked()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def caused_by(error: psycopg.Error) -> OperationalError:
    raised = OperationalError()
    raised.__cause__ = error
    return raised


@pytest.mark.parametrize(
    ("error", "is_gone"),
    [
        (caused_by(psycopg.OperationalError("connection refused")), True),
        (caused_by(psycopg.errors.AdminShutdown()), True),
        (caused_by(psycopg.errors.CannotConnectNow()), True),
        (caused_by(psycopg.errors.ConnectionFailure()), True),
        (InterfaceError("connection already closed"), True),
        (database.Away(), True),
        (caused_by(psycopg.errors.QueryCanceled()), False),
        (caused_by(psycopg.errors.LockNotAvailable()), False),
        (caused_by(psycopg.errors.DeadlockDetected()), False),
        (caused_by(psycopg.errors.DiskFull()), False),
        (IntegrityError(), False),
    ],
)
def test_an_error_says_whether_the_server_is_gone_or_only_refused(
    error: OperationalError, is_gone: bool
) -> None:
    assert database.is_gone(error) is is_gone


def test_a_slow_statement_is_waited_for(mute: Mute) -> None:
    with database.Connection.connect(database_url(mute.port)) as slow:
        assert slow.execute("SELECT 1 FROM pg_sleep(2.5)").fetchone() == (1,)
    assert not database.is_away()


def test_a_silent_server_is_given_up_by_all_who_wait_and_known_until_it_speaks(mute: Mute) -> None:
    raised: list[Exception] = []

    def ask(waiting: database.Connection) -> None:
        try:
            waiting.execute("SELECT 1")
        except psycopg.OperationalError as error:
            raised.append(error)

    with database.Connection.connect(database_url(mute.port)) as first:
        second = database.Connection.connect(database_url(mute.port))
        mute.is_mute = True
        threads = [threading.Thread(target=ask, args=(one,)) for one in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(raised) == 2
        assert first.closed
        assert second.closed
        with pytest.raises(database.Away):
            database.refuse_if_away()
        mute.is_mute = False
        wait_until_known(False)
    database.refuse_if_away()


def test_a_server_that_refuses_is_known_at_once(mute: Mute) -> None:
    mute.close_way()
    database.suspect()
    wait_until_known(True)
    mute.open_way()
    wait_until_known(False)
