"""A shop whose only sink is a stream, on a Pub/Sub of the tests' own."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from capture import sinks
from capture.sinks.pubsub import PubSubSink
from tests.capture.stores import PubSubStore
from tests.conftest import memory_configuration
from tests.pubsub.server import PubSub

BACKEND = "capture.sinks.pubsub.PubSubSink"


def configure(settings: Settings, sink: PubSubSink, **more: Any) -> None:
    settings.PUBSUB_OPTIONS = {"project": sink.project, "topic": sink.topic, "endpoint": sink.endpoint} | more
    settings.SINKS = {"pubsub": memory_configuration(BACKEND=BACKEND, OPTIONS=settings.PUBSUB_OPTIONS)}
    settings.ENABLE_PUBSUB = True


@pytest.fixture
def stream(log: None, settings: Settings) -> Iterator[PubSubStore]:
    opened = PubSubStore("", "")
    configure(settings, opened.sink)
    used = sinks.get("pubsub")
    assert isinstance(used, PubSubSink)
    yield opened
    used.channel.close()
    opened.clean()


def server_of(store: PubSubStore) -> PubSub:
    assert store.pubsub is not None
    return store.pubsub


def published(store: PubSubStore) -> list[Any]:
    """Every message of the topic, doubles and all."""
    return server_of(store).messages[store.sink.path]
