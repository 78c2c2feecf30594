"""What Celery calls. Each task is a management command too; retries live in the outbox, never here."""

import threading
from collections import defaultdict

from celery import shared_task

from capture import deliver, health, ledger, partitions

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


@shared_task
def take_readings() -> None:
    health.take_readings()


@shared_task
def close_ledger() -> None:
    ledger.close()


@shared_task
def make_partitions() -> None:
    partitions.ensure()
