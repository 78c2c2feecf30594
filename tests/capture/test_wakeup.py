"""Wake-ups: one when a full batch has been committed, and none that costs a request anything."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from kombu.connection import Connection
from pytest_django import Settings

from capture import wakeup
from leafloaf.celery import app
from tests.calls import Api, cart
from tests.capture.outbox_rows import configured

NOBODY = "redis://127.0.0.1:9/0"


@pytest.fixture(autouse=True)
def counter() -> Iterator[None]:
    wakeup._counter = wakeup.Counter()
    yield
    wakeup._counter = wakeup.Counter()


@pytest.fixture
def broker(settings: Settings) -> Iterator[Any]:
    """What the broker in memory holds of the tasks' queue; empty."""
    settings.SINKS = configured(redis=True, cloud_storage=True, bigquery=False)
    with Connection("memory://") as connection:
        queue = connection.SimpleQueue("celery")
        queue.clear()
        yield queue
        queue.clear()
        queue.close()


@pytest.fixture
def no_broker() -> Iterator[None]:
    """Celery, set up as ever, on a broker that nobody answers for."""
    away = Celery("away", set_as_current=False)
    away.conf.broker_write_url = NOBODY  # publishing asks this first, before the environment
    away.conf.broker_transport_options = app.conf.broker_transport_options
    away.set_current()
    yield
    app.set_current()
    away.close()


def woken(queue: Any) -> list[str]:
    """The sinks whose workers have been woken, in order."""
    messages = [queue.get_nowait() for _ in range(queue.qsize())]
    assert all(message.headers["task"] == wakeup.TASK and message.headers["expires"] for message in messages)
    return [message.payload[0][0] for message in messages]


def test_a_full_batch_wakes_the_sinks_that_are_on(broker: Any) -> None:
    wakeup.drain(100)
    assert woken(broker) == ["redis", "cloud_storage"]


def test_a_few_events_wake_nobody_until_they_are_a_batch(broker: Any) -> None:
    for _ in range(9):
        wakeup.drain(11)
    assert woken(broker) == []
    wakeup.drain(1)
    assert woken(broker) == ["redis", "cloud_storage"]
    wakeup.drain(99)
    assert woken(broker) == []


def test_a_worker_just_woken_is_left_to_its_work(broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeup, "LEAST_SECONDS", 60.0)
    wakeup.drain(100)
    wakeup.drain(400)
    assert woken(broker) == ["redis", "cloud_storage"]
    wakeup._counter.quiet_until = 0.0
    wakeup.drain(1)
    assert woken(broker) == ["redis", "cloud_storage"], "what came meanwhile was not forgotten"


def test_with_every_sink_off_nobody_is_woken(broker: Any, settings: Settings) -> None:
    settings.SINKS = configured(redis=False)
    wakeup.drain(1000)
    assert woken(broker) == []


@pytest.mark.django_db(transaction=True)
def test_accepting_a_batch_wakes_after_the_commit(broker: Any, log: None, secret: Api) -> None:
    secret.send(*[cart() for _ in range(99)])
    assert woken(broker) == []
    secret.send(cart())
    assert woken(broker) == ["redis", "cloud_storage"]


@pytest.mark.django_db(transaction=True)
def test_duplicates_wake_nobody(broker: Any, log: None, secret: Api) -> None:
    events = [cart() for _ in range(60)]
    secret.send(*events)
    secret.send(*events)
    assert woken(broker) == []


@pytest.mark.usefixtures("no_broker")
def test_a_broker_that_is_away_is_asked_once_and_then_left_alone(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SINKS = configured(redis=True, cloud_storage=True, bigquery=True)
    with caplog.at_level(logging.WARNING, logger="capture.wakeup"):
        for _ in range(5):
            wakeup.drain(500)
    assert [record.name for record in caplog.records] == ["capture.wakeup"]
    assert "127.0.0.1" not in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_broker", "log")
def test_a_broker_that_is_away_costs_no_event(settings: Settings, secret: Api) -> None:
    settings.SINKS = configured(redis=True)
    assert secret.send(*[cart() for _ in range(200)])["accepted"] == 200
