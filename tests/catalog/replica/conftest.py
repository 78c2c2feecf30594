"""A real replica of this session's Postgres."""

import inspect
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import Settings

from leafloaf.catalog import instruments, replica, version
from leafloaf.lib import database, statements
from leafloaf.stack import ports
from leafloaf.stack.postgres import Postgres
from leafloaf.stack.standby import Standby
from leafloaf.stack.throwaway import Component, ThrowawayStack, temporary_folder
from tests.config.application import database_url


@dataclass
class Replica:
    """The server, and what this process made of it: `reads` are counted from the beginning of the test."""

    server: Component
    port: int
    before: Counter[str]
    said: str = ""
    """Why it could not be asked, when it was asked last."""

    @property
    def reads(self) -> Counter[str]:
        return outcomes() - self.before

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(database_url(self.port), autocommit=True) as asked:
            return asked.execute(query).fetchall()

    def signal(self, number: signal.Signals) -> None:
        """To the server and all its processes: each backend leads a group of its own."""
        for pid in [*children(self.server.pid), self.server.pid]:
            with suppress(ProcessLookupError):  # a backend whose client has just left
                os.kill(pid, number)

    def pause(self) -> None:
        """From now on what the primary writes does not reach its tables."""
        self.ask("SELECT pg_wal_replay_pause()")
        self.wait(lambda: self.ask("SELECT pg_get_wal_replay_pause_state()") == [("paused",)])

    def resume(self) -> None:
        """Nothing to one that was promoted meanwhile."""
        self.ask("SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_replay_resume() END")

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def catch_up(self) -> None:
        """Until it has what is committed."""
        self.wait(lambda: self.has(version.read()))

    def has(self, wanted: str) -> bool:
        with statements.asking(replica.ALIAS):
            try:
                return version.read() == wanted
            except (OperationalError, InterfaceError) as error:
                # What emptied the tables after the test before holds them locked there, or it does not answer yet.
                self.said = repr(error)
                end_of_request()
                return False

    def warm(self) -> None:
        """The pool has a connection to it: who asks does not wait for one for longer than a shopper may."""
        self.wait(self.lets_in)

    def lets_in(self) -> bool:
        try:
            connections[replica.ALIAS].ensure_connection()
        except (OperationalError, InterfaceError) as error:
            self.said = repr(error)
            return False
        finally:
            end_of_request()
        return not database.REPLICA.looking.locked()

    @staticmethod
    def wait(condition: Any, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def end_of_request() -> None:
    """Connections go back to their pools, as they do after every request."""
    connections[replica.ALIAS].close()


def visiting_as(user: str, password: str) -> AbstractContextManager[None]:
    """Inside, the shop comes to the replica as this role."""
    return visiting(USER=user, PASSWORD=password)


@contextmanager
def visiting(**parts: Any) -> Iterator[None]:
    """Inside, the address of the replica has these parts."""
    forget_connections()
    at = connections.settings[replica.ALIAS]
    before = {part: at[part] for part in parts}
    at.update(parts)
    try:
        yield
    finally:
        forget_connections()
        at.update(before)


def forget_connections() -> None:
    """The next one is made anew, as the settings are then."""
    end_of_request()
    connections[replica.ALIAS].close_pool()  # type: ignore[attr-defined]  # Postgres's has one
    del connections[replica.ALIAS]


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def outcomes() -> Counter[str]:
    counted = [one for metric in instruments.REPLICA_READS.collect() for one in metric.samples]
    return Counter({one.labels["outcome"]: int(one.value) for one in counted if one.name.endswith("_total")})


@contextmanager
def standing_by(primary: Component) -> Iterator[Component]:
    """A replica of it, in a folder that goes with it."""
    served = primary.service
    assert isinstance(served, Postgres)
    with temporary_folder() as folder:
        component = Component(Standby(served, folder, ports.any_free(), folder / "standby.log"))
        try:
            component.start()
            yield component
        finally:
            component.process.kill()


@pytest.fixture(scope="package")
def standby(stack: ThrowawayStack) -> Iterator[Component]:
    """Started for these tests alone."""
    if "postgres" not in stack.components:
        pytest.skip("LEAFLOAF_TEST_DATABASE_URL names a Postgres that cannot be copied")
    with standing_by(stack["postgres"]) as component:
        yield component


def allow(alias: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Django lets a test connect to the databases that it named when it began."""
    guarded = BaseDatabaseWrapper.ensure_connection
    unguarded = inspect.getclosurevars(guarded).nonlocals["real_ensure_connection"]

    def ensure(connection: BaseDatabaseWrapper) -> None:
        (unguarded if connection.alias == alias else guarded)(connection)

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", ensure)


@pytest.fixture
def copy(
    standby: Component, log: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Replica]:
    """The shop knows it, as DATABASE_REPLICA_URL would have it."""
    service = standby.service
    assert isinstance(service, Standby)
    own = deepcopy(connections.settings["default"]) | {"PORT": str(service.port)}
    own["OPTIONS"] |= database.ReplicaConnection.options(settings.MOST_CONNECTIONS)
    monkeypatch.setitem(connections.settings, replica.ALIAS, own)
    allow(replica.ALIAS, monkeypatch)
    assert settings.DATABASES is connections.settings
    forget_connections()  # to a replica before this one
    monkeypatch.setattr(replica, "_rest", replica.Rest())
    try:
        yield Replica(standby, service.port, outcomes())
    finally:
        if not standby.is_running():
            standby.start()
        forget_connections()
        Replica.wait(lambda: not database.REPLICA.looking.locked())


@pytest.fixture
def patient(copy: Replica, monkeypatch: pytest.MonkeyPatch) -> Replica:
    """It is waited for, however slow the machine is."""
    options = connections.settings[replica.ALIAS]["OPTIONS"]
    options["pool"]["timeout"] = 30
    options["options"] += " -c statement_timeout=30s -c lock_timeout=30s"
    monkeypatch.setattr(database.REPLICA, "silent_seconds", 30.0)
    forget_connections()
    return copy


@pytest.fixture
def long_rest(copy: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves it alone does so until the test ends."""
    monkeypatch.setattr(replica, "REST_SECONDS", 600.0)
