"""Tasks in the log: what they log says their name and id, and the request that woke them."""

import logging
import time
from typing import Any

from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun

from leafloaf.lib import request_ids
from leafloaf.lib.request_ids import WELL_FORMED, Work

logger = logging.getLogger("leafloaf.tasks")

CARRIED = "leafloaf_request_id"
"""The header of a message of Celery's."""


def install() -> None:
    """Where Celery begins, in every process that may send or run a task."""
    setup_logging.connect(leave_it_to_django)
    before_task_publish.connect(carry)
    task_prerun.connect(begin)
    task_postrun.connect(end)


def leave_it_to_django(**_: Any) -> None:
    """Celery sets up no logging of its own when somebody listens here."""
    from django.conf import settings
    from django.utils.log import configure_logging

    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


def carry(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None and (request_id := request_ids.current()):
        headers[CARRIED] = request_id


def begin(task: Any = None, task_id: str = "", **_: Any) -> None:
    woken_by = task.request.get(CARRIED) or ""
    is_known = isinstance(woken_by, str) and WELL_FORMED.fullmatch(woken_by)
    request_ids.set_work(Work(woken_by if is_known else "", task.name, task_id))
    task.request.began = time.perf_counter()


def end(task: Any = None, state: str = "", **_: Any) -> None:
    """A line of its own when a request woke it; of the many that the scheduler wakes only at DEBUG."""
    took = (time.perf_counter() - task.request.began) * 1000
    level = logging.INFO if request_ids.current() else logging.DEBUG
    logger.log(
        level,
        "%s %s in %.1f ms",
        task.name,
        "done" if state == "SUCCESS" else state.lower(),
        took,
        extra={"duration_ms": round(took, 1)},
    )
    request_ids.set_work(None)
