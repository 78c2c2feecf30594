"""*Test connection*: somebody asks whether a sink would take a batch, a task asks the sink, a page shows the answer.

No page ever waits for a sink. Whoever dies while asking leaves a test that another takes after `LEASE`.
"""

import time
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from capture import sinks, wakeup
from capture.control import UnknownSink
from capture.models import ConnectionTest, Sink
from capture.sinks.base import BatchRefused, Unavailable
from leafloaf.access import audit

TASK = "capture.tasks.test_connections"
LEASE = timedelta(minutes=3)
"""Longer than the slowest sink takes to say that it does not answer: BigQuery is asked for five tables."""

UNEXPECTED = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


def ask(name: str, *, by: str) -> None:
    """Has a worker test the sink within seconds.

    Raises:
        UnknownSink: `settings.SINKS` has no sink of that name, or it is switched off there.
    """
    with transaction.atomic():
        _note(name, by)
        transaction.on_commit(lambda: wakeup.nudge(TASK), robust=True)


def now(name: str, *, by: str) -> ConnectionTest:
    """Tests the sink in this very process and returns what came of it.

    Raises:
        UnknownSink: see `ask`.
    """
    with transaction.atomic():
        asked = _note(name, by)
    _begin(asked)
    return _finish(asked)


def run() -> list[ConnectionTest]:
    """Does the tests that were asked for and that nobody is doing."""
    return [_finish(asked) for asked in list(_waiting()) if _begin(asked)]


def _note(name: str, by: str) -> ConnectionTest:
    if not sinks.is_enabled(name):
        raise UnknownSink(f"There is no sink {name!r} that is switched on in the settings.")
    values = {
        "asked_at": datetime.now(UTC),
        "asked_by": by,
        "begun_at": None,
        "answered_at": None,
        "seconds": None,
        "error": "",
    }
    Sink.objects.get_or_create(name=name)
    test, _ = ConnectionTest.objects.update_or_create(sink_id=name, defaults=values)
    audit.record(by, "test connection", name)
    return test


def _waiting() -> list[ConnectionTest]:
    free = Q(begun_at=None) | Q(begun_at__lt=datetime.now(UTC) - LEASE)
    return list(ConnectionTest.objects.filter(free, answered_at=None))


def _begin(test: ConnectionTest) -> bool:
    """Takes the test; False when another was faster."""
    same = ConnectionTest.objects.filter(pk=test.pk, asked_at=test.asked_at, begun_at=test.begun_at)
    return bool(same.update(begun_at=datetime.now(UTC)))


def _finish(test: ConnectionTest) -> ConnectionTest:
    """Asks the sink with no transaction open. What was asked for anew meanwhile is left to who takes that."""
    began = time.monotonic()
    test.error = said_by(test.sink_id)
    test.seconds, test.answered_at = time.monotonic() - began, datetime.now(UTC)
    ConnectionTest.objects.filter(pk=test.pk, asked_at=test.asked_at).update(
        error=test.error, seconds=test.seconds, answered_at=test.answered_at
    )
    return test


def said_by(name: str) -> str:
    """What is wrong with the sink, in its own words; empty when it would take a batch."""
    try:
        sinks.get(name).probe()
    except (Unavailable, BatchRefused) as error:
        return str(error) or type(error).__name__
    except UNEXPECTED as error:  # such as a client that cannot be made; what it says may be anything
        return f"{type(error).__name__} while it was asked: look at its settings and credentials."
    return ""
