"""Fixtures that more than one folder uses."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from capture import anonymised, partitions, sinks
from capture.sinks.memory import MemorySink
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from tests import emptying
from tests.calls import Api
from tests.emulators import PUBSUB, SPANNER, Emulator, NotHere
from tests.outage import Outage


@pytest.fixture(autouse=True, scope="session")
def emptied_fast() -> None:
    """The database, after a test whose transactions were real."""
    emptying.use()


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
