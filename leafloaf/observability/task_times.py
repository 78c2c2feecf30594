"""Measures every task of the worker, and keeps what the worker counts where the web server's processes keep theirs."""

import logging
import time
from typing import Any

from celery.signals import import_modules, task_postrun, task_prerun, worker_ready

from leafloaf.observability import folder

logger = logging.getLogger(__name__)


def install() -> None:
    """Where Celery begins, before there is an application: who listens first hears first."""
    import_modules.connect(share)
    worker_ready.connect(serve)
    task_prerun.connect(begin)
    task_postrun.connect(end)


def share(**_: Any) -> None:
    """Celery's own processes load the applications when this is said; elsewhere Django has, and nothing happens."""
    from django.conf import settings

    folder.use(settings.METRICS_FOLDER)


def serve(**_: Any) -> None:
    """On a machine without a web server, the worker tells what it counts itself, if METRICS_PORT is set."""
    from django.conf import settings
    from prometheus_client import CollectorRegistry, start_http_server

    from leafloaf.observability import exposition

    if not settings.METRICS_PORT:
        return
    registry = CollectorRegistry()
    registry.register(exposition.Instruments())
    try:
        start_http_server(settings.METRICS_PORT, settings.METRICS_ADDRESS, registry)
    except OSError as error:
        logger.warning(
            "Nobody can read the worker's metrics: port %s of %s: %s.",
            settings.METRICS_PORT,
            settings.METRICS_ADDRESS,
            error.strerror,
        )


def begin(task: Any = None, **_: Any) -> None:
    task.request.leafloaf_measured_from = time.perf_counter()


def end(task: Any = None, state: str = "", **_: Any) -> None:
    from leafloaf.observability import instruments

    started = getattr(task.request, "leafloaf_measured_from", None)
    if started is not None:
        labels = (task.name, (state or "unknown").lower())
        instruments.TASK_SECONDS.labels(*labels).observe(time.perf_counter() - started)
