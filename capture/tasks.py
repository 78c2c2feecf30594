"""What Celery calls. Each task is a management command too; retries live in the outbox, never here."""

import logging
import threading
from collections import defaultdict

from celery import shared_task

from capture import (
    admit,
    connection_tests,
    deliver,
    health,
    ledger,
    partitions,
    reconcile,
    retention,
    schema_check,
    volumes,
)
from leafloaf.lib.errors import kinds_of

logger = logging.getLogger(__name__)
_draining: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@shared_task(soft_time_limit=120)
def drain(sink: str) -> int:
    """Delivers what is due for one sink; one at a time in a process, so that a slow sink holds one thread only."""
    if not _draining[sink].acquire(blocking=False):
        return 0
    try:
        return deliver.drain(sink)
    finally:
        _draining[sink].release()


@shared_task(soft_time_limit=120)
def admit_waiting() -> None:
    admit.when_back()


@shared_task
def take_readings() -> None:
    health.take_readings()


@shared_task
def close_ledger() -> None:
    ledger.close()


@shared_task
def make_partitions() -> None:
    partitions.ensure()


@shared_task
def count_volumes() -> None:
    volumes.count()


@shared_task
def prune_events() -> None:
    retention.prune()


@shared_task(soft_time_limit=280)
def reconcile_recent() -> None:
    reconcile.recent()


@shared_task(soft_time_limit=280)
def reconcile_overdue() -> None:
    reconcile.overdue()


@shared_task
def check_schema() -> None:
    try:
        schema_check.run()
    except schema_check.Unanswered as error:
        logger.warning("A live schema could not be read (%s).", kinds_of(error))


@shared_task(soft_time_limit=280)
def test_connections() -> None:
    connection_tests.run()
