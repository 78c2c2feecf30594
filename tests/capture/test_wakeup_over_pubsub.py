"""Wake-ups over Pub/Sub: a thread of its own asks, so that a broker that is away or silent costs no request a thing."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from celery import Celery
from django.conf import settings as django_settings
from google.api_core import exceptions
from kombu.connection import Connection
from pytest_django import Settings

from capture import sender, wakeup
from capture.sinks.pubsub import PubSubSink
from leafloaf.celery import app
from leafloaf.lib.pubsub_broker import Away, Channel, Transport
from tests.calls import Api, cart
from tests.capture.outbox_rows import configured
from tests.config import application
from tests.pubsub import proxy

URL = "gcpubsub://projects/shop-1"
REFUSES = "127.0.0.1:9"


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def over_pubsub(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Celery with Pub/Sub at an address as its broker."""
    wakeup._counter = wakeup.Counter()
    settings.SINKS = configured(redis=True, bigquery=True)
    settings.CELERY_BROKER_URL = URL
    away = Celery("over Pub/Sub", set_as_current=False)
    away.conf.broker_write_url = URL
    away.conf.broker_transport_options = {"queue_name_prefix": "leafloaf-", "retry_timeout_seconds": 1}

    def use(address: str) -> None:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
        away.set_default()  # for the thread that sends, too
        away.set_current()

    yield use
    wait_until(lambda: not is_busy())
    app.set_default()
    app.set_current()
    away.close()
    wakeup._counter = wakeup.Counter()


def is_busy() -> bool:
    return bool(sender._waiting.unfinished_tasks)


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_who_wakes_a_worker_does_not_wait_for_a_silent_broker(
    over_pubsub: Callable[[str], None], silent: str, caplog: pytest.LogCaptureFixture
) -> None:
    over_pubsub(silent)
    with caplog.at_level(logging.WARNING, logger="capture.wakeup"):
        wakeup.drain(500)
        assert is_busy(), "the broker is still being asked when the request goes on"
        wait_until(lambda: not is_busy())
    assert [record.name for record in caplog.records] == ["capture.wakeup"]
    assert "The broker is away (OperationalError)" in caplog.text
    wakeup.drain(500)
    assert not is_busy(), "it is left alone for a while"


def test_a_broker_that_comes_back_is_asked_again(
    over_pubsub: Callable[[str], None], pubsub_emulator: str
) -> None:
    with proxy.to(pubsub_emulator) as wire:
        over_pubsub(wire.address)
        wire.cut()
        wakeup.drain(500)
        wait_until(lambda: not is_busy())
        assert wakeup._counter.quiet_until > time.monotonic() + 1
        wire.mend()
        sink = PubSubSink("shop-1", "unused", f"http://{pubsub_emulator}")
        wait_until(lambda: woken(sink) > 0)
        sink.channel.close()


def woken(sink: PubSubSink) -> int:
    """Wakes workers, however lately that failed; how many messages are there to be taken."""
    wakeup._counter.quiet_until = 0.0
    wakeup.drain(500)
    wait_until(lambda: not is_busy())
    try:
        asked = {"subscription": "projects/shop-1/subscriptions/leafloaf-celery", "max_messages": 100}
        return len(sink.subscriber.pull(request=asked, retry=None, timeout=2).received_messages)
    except (exceptions.NotFound, exceptions.DeadlineExceeded):
        return 0


def test_wake_ups_do_not_pile_up() -> None:
    go_on, done = threading.Event(), list[int]()

    def send(number: int) -> None:
        go_on.wait(30)
        done.append(number)

    for number in range(100):
        sender.later(partial(send, number))
    go_on.set()
    wait_until(lambda: not is_busy())
    assert len(done) <= sender.MOST + 1
    assert done == sorted(done)


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_costs_no_event(
    over_pubsub: Callable[[str], None], log: None, secret: Api
) -> None:
    over_pubsub(REFUSES)
    assert secret.send(*[cart() for _ in range(200)])["accepted"] == 200


def test_what_google_answers_is_a_broker_that_is_away(over_pubsub: Callable[[str], None]) -> None:
    over_pubsub(REFUSES)
    connection = Connection(URL, transport_options={"queue_name_prefix": "leafloaf-"})
    connection.default_channel.exchange_declare("an-exchange", "direct")
    with connection, pytest.raises(Away, match="Pub/Sub: ServiceUnavailable") as told:
        connection.default_channel.queue_bind("a-queue", "an-exchange", "a-key")
    assert isinstance(told.value, connection.connection_errors)
    assert isinstance(connection.transport, Transport)
    assert issubclass(Transport.Channel, Channel)


def test_settings_for_pubsub_are_its_own() -> None:
    """No socket options of Redis, topics that are called after LeafLoaf, and no remote control."""
    asked = (
        "from django.conf import settings as s; "
        "print(s.CELERY_BROKER_TRANSPORT_OPTIONS, s.CELERY_TASK_DEFAULT_QUEUE, s.CELERY_WORKER_ENABLE_REMOTE_CONTROL)"
    )
    variables = application.environment(django_settings.VAR_DIR, CELERY_BROKER_URL=URL)
    variables["DJANGO_SETTINGS_MODULE"] = "leafloaf.settings"
    code, said = application.ended(application.begun(["-c", asked], variables))
    assert code == 0, said
    assert "socket" not in said
    assert "'queue_name_prefix': 'leafloaf-'" in said
    assert said.split()[-2:] == ["leafloaf-wake-ups", "False"]


@pytest.mark.parametrize("command", [["check"], ["check", "--deploy"]])
def test_the_checks_pass(command: list[str]) -> None:
    variables = application.environment(django_settings.VAR_DIR, CELERY_BROKER_URL=URL)
    code, said = application.ended(application.begun(["manage.py", *command], variables))
    assert code == 0, said
