"""The Celery application. Its messages are wake-ups: losing every one of them delays delivery and loses nothing."""

import os
from typing import Any

from celery import Celery
from celery.signals import after_task_publish, beat_init, heartbeat_sent, worker_init, worker_ready
from kombu.transport import TRANSPORT_ALIASES

from leafloaf import heartbeat
from leafloaf.lib import folder_broker
from leafloaf.observability import task_log, task_times

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leafloaf.settings")

folder_broker.install()
TRANSPORT_ALIASES["gcpubsub"] = "leafloaf.lib.pubsub_broker:Transport"  # imported by whoever uses it
task_log.install()
task_times.install()
app = Celery("leafloaf")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.set_default()  # for every thread, not only the one that imports this


@worker_init.connect  # type: ignore[untyped-decorator]
@beat_init.connect  # type: ignore[untyped-decorator]
def refuse_wrong_settings(**_: Any) -> None:
    """Celery's own run of the checks does not stop it; this does."""
    from leafloaf import checks

    checks.refuse_wrong_settings()


@worker_ready.connect  # type: ignore[untyped-decorator]
def take_a_reading(**_: Any) -> None:
    """So that health does not wait for the scheduler's first round to know how the sinks are."""
    app.send_task("capture.tasks.take_readings", expires=30)


@heartbeat_sent.connect  # type: ignore[untyped-decorator]
def say_the_worker_lives(**_: Any) -> None:
    heartbeat.touch("worker")


@beat_init.connect  # type: ignore[untyped-decorator]
def listen_for_wake_ups(**_: Any) -> None:
    """In the scheduler alone: web and worker send wake-ups too."""
    after_task_publish.connect(say_the_scheduler_lives, weak=False)


def say_the_scheduler_lives(**_: Any) -> None:
    heartbeat.touch("beat")
