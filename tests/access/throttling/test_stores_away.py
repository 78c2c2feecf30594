"""A store that dies in between: the same request is counted in the next one, at once, and nobody is refused for it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from leafloaf.access.throttling import memory_store, postgres_store, redis_store, stores
from leafloaf.access.throttling.gcra import Rate
from leafloaf.lib import cache, database
from leafloaf.stack import ports
from leafloaf.stack.throwaway import ThrowawayStack
from tests.access.throttling.conftest import demand, forget_postgres
from tests.calls import Api, cart
from tests.lib.test_database import Mute, wait_until_known

SUGGEST = "/api/v1/suggest?q=mi"


@pytest.fixture
def limited(settings: Settings) -> None:
    settings.THROTTLES = settings.THROTTLES | {"search": "key=3/15min", "events": "key=3/15min"}
    memory_store.forget()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.usefixtures("redis_on", "limited")
def test_with_redis_killed_postgres_counts_from_the_same_request_on(
    secret: Api, stack: ThrowawayStack
) -> None:
    forget_postgres()
    assert secret.get(SUGGEST).status_code == 200
    stack["redis"].kill()
    try:
        assert [secret.get(SUGGEST).status_code for _ in range(4)] == [200, 200, 200, 429]
    finally:
        stack["redis"].start()


@pytest.mark.usefixtures("redis_on", "limited")
def test_with_redis_frozen_one_request_waits_a_moment_and_the_next_ones_not_at_all(
    secret: Api, stack: ThrowawayStack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache, "QUIET_SECONDS", 3600.0)
    forget_postgres()
    with frozen(stack["redis"].pid):
        assert [secret.get(SUGGEST).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert caplog.text.count("Redis is away") == 1  # each who waits says so


@pytest.mark.usefixtures("redis_on")
def test_a_script_that_redis_has_forgotten_is_sent_again() -> None:
    one = demand(Rate(2, 900))
    assert redis_store.take([one])
    cache._redis().script_flush()
    again = redis_store.take([one])
    assert again is not None
    assert not again.wait
    assert redis_store.take([one]).wait  # type: ignore[union-attr]


@pytest.fixture
def by_relay(log: None) -> Iterator[Mute]:
    """This process's connections go through it."""
    port = connection.settings_dict["PORT"]
    with Mute(ports.any_free(), int(port)) as relay:
        connect_by(relay.port)
        yield relay
        relay.is_mute = False
        wait_until_known(False)
        connect_by(port)


def connect_by(port: int) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["PORT"] = port


def test_with_postgres_silent_this_process_counts_for_itself(by_relay: Mute, settings: Settings) -> None:
    settings.REDIS_ENABLED = False
    memory_store.forget()
    name = uuid4().bytes
    assert not stores.take([demand(Rate(2, 900), name)]).wait
    by_relay.is_mute = True
    verdicts = [stores.take([demand(Rate(2, 900), name)]) for _ in range(3)]
    assert [bool(verdict.wait) for verdict in verdicts] == [False, False, True]
    wait_until_known(True)
    by_relay.is_mute = False
    wait_until_known(False)
    connect_by(connection.settings_dict["PORT"])
    assert not stores.take([demand(Rate(2, 900), name)]).wait, "what Postgres had is what it has"
    assert stores.take([demand(Rate(2, 900), name)]).wait


@pytest.mark.usefixtures("limited")
def test_a_table_that_is_not_there_refuses_nobody(
    publishable: Api, log: None, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_ENABLED = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE access_throttle RENAME TO elsewhere")
    try:
        statuses = [publishable.post("/api/v1/events", cart()).status_code for _ in range(4)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO access_throttle")
    assert statuses == [202, 202, 202, 429]
    assert "in this process alone" in caplog.text


def test_the_memory_of_a_process_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_store, "MOST", 10)
    memory_store.forget()
    names = [uuid4().bytes for _ in range(30)]
    for name in names:
        memory_store.take([demand(Rate(1, 900), name)])
    assert len(memory_store._arrivals) == 10
    assert memory_store.take([demand(Rate(1, 900), names[-1])]).wait
    assert not memory_store.take([demand(Rate(1, 900), names[0])]).wait


@pytest.mark.django_db
def test_what_is_used_no_more_is_pruned_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_store, "CHUNK", 2)
    forget_postgres()
    for _ in range(5):
        postgres_store.take([demand(Rate(1_000_000, 1))])  # a microsecond each
    used = demand(Rate(1, 900))
    postgres_store.take([used])
    assert postgres_store.prune() == 5
    assert postgres_store.take([used]).wait


def test_a_limit_of_nothing_asks_nobody() -> None:
    assert not stores.take([]).wait
    assert not database.is_away()
