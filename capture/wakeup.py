"""Tells a worker that there is something to deliver.

Only a wake-up: the scheduler looks twice a second anyway, so a lost one costs half a second. A broker that is
away must cost requests nothing, so one failure keeps this process quiet for `QUIET_SECONDS`. Nor does a worker need
waking while it runs: a process asks at most every `LEAST_SECONDS`.
"""

import logging
import time
from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

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
    try:
        for name, sink in settings.SINKS.items():
            if sink["ENABLED"]:
                current_app.send_task(
                    TASK, args=[name], expires=EXPIRES_SECONDS, retry=False, ignore_result=True
                )
    except (OperationalError, OSError) as error:
        _counter.quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning(
            "The broker is away (%s); the scheduler's sweep delivers instead.", type(error).__name__
        )


def nudge(task: str) -> None:
    """Has a worker do this now and not with the scheduler's next round; a broker that is away delays it until then."""
    if time.monotonic() < _counter.quiet_until:
        return
    try:
        current_app.send_task(task, expires=EXPIRES_SECONDS, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        _counter.quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning("The broker is away (%s); the scheduler's round does it.", type(error).__name__)
