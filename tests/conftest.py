"""Fixtures that more than one folder uses."""

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from capture import anonymised, partitions, sinks
from capture.sinks.memory import MemorySink
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.lib import cache
from personalization.recommending import exposures, mishaps
from tests import emptying, standins
from tests.calls import Api
from tests.emulators import PUBSUB, SPANNER, Emulator, NotHere
from tests.outage import Outage

# No example is wrong because the machine was slow.
hypothesis_settings.register_profile("unhurried", deadline=None)
hypothesis_settings.load_profile("unhurried")

MORE_THAN_THREADS = 40
SEED_VARIABLE = "LEAFLOAF_FAULT_SEED"


@pytest.fixture
def chance() -> random.Random:
    """The dice of a test that is another one each time. It prints the seed (`pytest -rP` shows it; a failure always
    does), and LEAFLOAF_FAULT_SEED repeats it.
    """
    seed = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(10**6))
    print(f"{SEED_VARIABLE}={seed}")  # noqa: T201 (pytest shows it when the test fails)
    return random.Random(seed)  # noqa: S311 (not a secret)


@pytest.fixture(autouse=True)
def mended() -> Iterator[None]:
    """No test meets the faults of another one."""
    yield
    standins.mend_all()


@pytest.fixture(autouse=True, scope="session")
def emptied_fast() -> None:
    """The database, after a test whose transactions were real."""
    emptying.use()


@pytest.fixture(autouse=True, scope="session")
def hashed_fast() -> Iterator[None]:
    """Passwords."""
    with override_settings(PASSWORD_HASHERS=["tests.hashing.OneRound"]):
        yield


@pytest.fixture(autouse=True, scope="session")
def unhurried() -> Iterator[None]:
    """No answer is another one because the machine was slow: who tests what comes too late sets a limit for it."""
    limits = {"SEARCH_TIMEOUT_SECONDS": 30.0, "RECOMMENDATION_TIMEOUT": 30.0}
    with override_settings(**limits), pytest.MonkeyPatch.context() as patch:
        for module in (exposures, mishaps):
            patch.setattr(module, "PATIENCE", module.PATIENCE.replace("'100ms'", "'30s'"))
        yield


@pytest.fixture(autouse=True)
def asked_again() -> None:
    """Redis, whatever the test before did to it."""
    cache._quiet.until = 0.0


@pytest.fixture(autouse=True)
def forgotten_keys() -> Iterator[None]:
    """No test sees the keys of the one before."""
    yield
    keys.forget()


@pytest.fixture(autouse=True)
def forgotten_words() -> None:
    """No test is told of queries by the catalogue of the one before."""
    anonymised.forget()


@pytest.fixture
def secret(db: None) -> Api:
    """A caller with a secret key and every scope."""
    return Api(keys.create("Back end", ApiClient.Kind.SECRET), Client())


@pytest.fixture
def publishable(db: None) -> Api:
    """A caller with a publishable key."""
    return Api(keys.create("Front end", ApiClient.Kind.PUBLISHABLE), Client())


@pytest.fixture(scope="session")
def pubsub_emulator() -> Iterator[str]:
    """`host:port` of Google's Pub/Sub emulator, which few machines have."""
    yield from emulator(PUBSUB)


@pytest.fixture(scope="session")
def spanner_emulator() -> Iterator[str]:
    """`host:port` of Google's Spanner emulator, which few machines have."""
    yield from emulator(SPANNER)


def emulator(wanted: Emulator) -> Iterator[str]:
    with ExitStack() as open_until_the_end:
        try:
            address = open_until_the_end.enter_context(wanted.running())
        except NotHere as error:
            pytest.skip(str(error))
        yield address


@pytest.fixture
def outage() -> Iterator[Outage]:
    """Of the database, as this process knows it."""
    made = Outage()
    yield made
    made.end()


@pytest.fixture
def room(transactional_db: None) -> Iterator[None]:
    """A connection for each thread of a test: the pool has eight, and who waits for one gives up after seconds."""
    connection.close()
    pool = connection.pool  # type: ignore[attr-defined]  # Postgres's has one
    pool.resize(pool.min_size, MORE_THAN_THREADS)
    pool.timeout = 60.0
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def log(transactional_db: None) -> None:
    """An empty log whose transactions really commit: sealing sees nothing of an open one."""
    partitions.ensure()


@pytest.fixture
def memory(log: None, settings: Settings) -> MemorySink:
    """The only sink: it seals whatever is there, and keeps it in a list."""
    settings.SINKS = {"memory": memory_configuration()}
    sink = sinks.get("memory")
    assert isinstance(sink, MemorySink)
    sink.batches.clear()
    return sink


def memory_configuration(**changes: Any) -> dict[str, Any]:
    return {
        "BACKEND": "capture.sinks.memory.MemorySink",
        "ENABLED": True,
        "BATCH_SIZE": 500,
        "MAX_AGE_SECONDS": 0,
        "OPTIONS": {},
    } | changes
