"""Tells a worker that there is something to deliver.

Only a wake-up: the scheduler looks twice a second anyway, so a lost one costs half a second. A broker that is
away must cost requests nothing, so one failure keeps this process quiet for `QUIET_SECONDS`. Nor does a worker need
waking while it runs: a process asks at most every `LEAST_SECONDS`. Pub/Sub is asked for its topics before it takes a
message, and has a thread for that.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

from capture import sender

logger = logging.getLogger(__name__)

TASK = "capture.tasks.drain"
QUIET_SECONDS = 30.0
LEAST_SECONDS = 0.2
EXPIRES_SECONDS = 5


@dataclass
class Counter:
    """Events committed by this process since it last woke a worker."""

    events: int = 0
    quiet_until: float = 0.0


_counter = Counter()


def drain(count: int) -> None:
    """Wakes the workers of the sinks for which this process has committed a full batch since the last time."""
    _counter.events += count
    now = time.monotonic()
    if now < _counter.quiet_until:
        return
    smallest = min((sink["BATCH_SIZE"] for sink in settings.SINKS.values() if sink["ENABLED"]), default=0)
    if not smallest or _counter.events < smallest:
        return
    _counter.events, _counter.quiet_until = 0, now + LEAST_SECONDS
    names = [name for name, sink in settings.SINKS.items() if sink["ENABLED"]]
    _send([(TASK, [name]) for name in names], "sweep delivers instead")


def nudge(task: str) -> None:
    """Has a worker do this now and not with the scheduler's next round; a broker that is away delays it until then."""
    if time.monotonic() >= _counter.quiet_until:
        _send([(task, [])], "round does it")


def _send(messages: Sequence[tuple[str, list[str]]], instead: str) -> None:
    if settings.CELERY_BROKER_URL.startswith("gcpubsub"):
        sender.later(lambda: _send_now(messages, instead))
    else:
        _send_now(messages, instead)


def _send_now(messages: Sequence[tuple[str, list[str]]], instead: str) -> None:
    try:
        for task, args in messages:
            current_app.send_task(task, args=args, expires=EXPIRES_SECONDS, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        _counter.quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning("The broker is away (%s); the scheduler's %s.", type(error).__name__, instead)
