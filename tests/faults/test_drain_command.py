"""`manage.py drain --loop` goes on whatever a sink does."""

import os
import signal
import threading
import time

import pytest
from django.core.management import call_command
from pytest_django import Settings

from capture import events, ingest, sinks
from tests.conftest import memory_configuration
from tests.faults.moody import MoodySink


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sink_that_falls_over_is_tried_again_by_the_same_process(log: None, settings: Settings) -> None:
    settings.SINKS = {"moody": memory_configuration(BACKEND="tests.faults.moody.MoodySink")}
    settings.OUTBOX_LEASE_SECONDS = 1
    sink = sinks.get("moody")
    assert isinstance(sink, MoodySink)
    sink.forget()
    sink.fail_next(ZeroDivisionError("a mistake that nobody foresaw"))
    ingest.record(events.Search(event_id="e", query="milk"))
    stopper = threading.Thread(target=stop_when_held, args=(sink,))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stopper.start()
    try:
        call_command("drain", loop=True)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        stopper.join()
    assert [document["event_id"] for document in sink.records] == ["e"]


def stop_when_held(sink: MoodySink, seconds: float = 120) -> None:
    """SIGTERM to this process, once the sink has got something or too much time has passed."""
    deadline = time.monotonic() + seconds
    while not sink.records and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
