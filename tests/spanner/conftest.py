"""Both Spanners, and a shop that has one of them switched on."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from capture import sinks
from capture.sinks import spanner_setup
from capture.sinks.spanner import SpannerSink
from personalization.learning import learned
from tests.conftest import memory_configuration
from tests.spanner import server, stores
from tests.spanner.server import Spanner


@pytest.fixture
def own() -> Iterator[tuple[Spanner, str]]:
    """The Spanner of our own, and its address."""
    with server.running() as opened:
        yield opened


@pytest.fixture(params=["own", "emulator"])
def endpoint(request: pytest.FixtureRequest) -> str:
    if request.param == "emulator":
        return f"http://{request.getfixturevalue('spanner_emulator')}"
    address: str = request.getfixturevalue("own")[1]
    return address


@pytest.fixture
def nothing_learned() -> Iterator[None]:
    learned.forget()
    yield
    learned.forget()


def switch_on(settings: Settings, endpoint: str) -> SpannerSink:
    """The only sink, over a new database with its tables."""
    options: dict[str, Any] = stores.options(endpoint)
    settings.ENABLE_SPANNER = True
    settings.SPANNER_OPTIONS = options
    backend = "capture.sinks.spanner.SpannerSink"
    settings.SINKS = {"spanner": memory_configuration(BACKEND=backend, OPTIONS=options)}
    sink = sinks.get("spanner")
    assert isinstance(sink, SpannerSink)
    spanner_setup.set_up(sink)
    return sink


@pytest.fixture
def graph(log: None, nothing_learned: None, settings: Settings, endpoint: str) -> SpannerSink:
    return switch_on(settings, endpoint)


@pytest.fixture
def own_graph(
    log: None, nothing_learned: None, settings: Settings, own: tuple[Spanner, str]
) -> tuple[Spanner, SpannerSink]:
    return own[0], switch_on(settings, own[1])
