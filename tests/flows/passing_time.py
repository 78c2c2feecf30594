"""Hours of a worker in seconds: the clock goes on, here and at BigQuery, until something has happened."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import time_machine

from personalization import tasks
from privacy import exporting
from privacy.erasure import machine
from privacy.models import DeletionRequest
from tests.standins import Standin


def counted_in() -> None:
    """What the worker does every minute: aggregates, baskets, exposures, exports."""
    tasks.count_aggregates()
    tasks.count_baskets()
    tasks.count_recommendations()
    exporting.make_due()


def until(state: Callable[[], bool], bigquery: Standin, hours: int = 6) -> None:
    """Lets time pass, here and at BigQuery, until something holds."""
    now = datetime.now(UTC)
    for minutes in range(0, hours * 60, 10):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=True):
            machine.advance_all(until_quiet=True)
            counted_in()
            if state():
                return
        bigquery.advance(600)
    raise AssertionError(describe())


def describe() -> str:
    request = DeletionRequest.objects.order_by("-created_at").first()
    assert request is not None
    lines = [f"{request.state} {request.question}"]
    for step in request.steps.all():
        lines.append(f"{step.holder}: {step.state} {step.presence} {step.last_error} {step.needs_attention}")
    return "\n".join(lines)
