"""What Celery calls, and that every task is a command too."""

import io
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as configured_settings
from django.core.management import call_command
from django.db import connection

from capture import events, ingest, partitions, tasks
from capture.models import LedgerDay, OutboxBatch, Reading
from capture.sinks.base import Batch
from capture.sinks.memory import MemorySink


def capture(count: int = 3) -> None:
    for _ in range(count):
        ingest.record(events.Search(query="milk"))


def test_draining_delivers_what_is_due(memory: MemorySink) -> None:
    capture()
    assert tasks.drain("memory") == 3
    assert len(memory.records) == 3


def test_one_process_drains_a_sink_once_at_a_time(
    memory: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow store holds one thread; the wake-ups that come meanwhile find it taken and go."""
    capture()
    arrived, go_on = threading.Event(), threading.Event()
    deliver_at_once = memory.deliver

    def deliver_slowly(batch: Batch) -> None:
        arrived.set()
        assert go_on.wait(60)
        deliver_at_once(batch)

    monkeypatch.setattr(memory, "deliver", deliver_slowly)
    slow = threading.Thread(target=in_own_connection)
    slow.start()
    assert arrived.wait(60)
    capture()
    assert tasks.drain("memory") == 0
    assert OutboxBatch.objects.count() == 1
    go_on.set()
    slow.join(60)
    assert len(memory.records) >= 3
    tasks.drain("memory")
    assert len(memory.records) == 6


def in_own_connection() -> None:
    try:
        tasks.drain("memory")
    finally:
        connection.close()


def test_a_failed_drain_frees_the_sink_for_the_next(
    memory: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture()

    def fail(batch: Batch) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(memory, "deliver", fail)
        with pytest.raises(MemoryError):
            tasks.drain("memory")
    OutboxBatch.objects.update(leased_until=datetime.now(UTC))
    assert tasks.drain("memory") == 3


def test_the_other_tasks_leave_rows(memory: MemorySink) -> None:
    capture()
    tasks.take_readings()
    tasks.close_ledger()
    tasks.make_partitions()
    assert Reading.objects.get().waiting == 3
    assert LedgerDay.objects.filter(captured=3, pending=3).exists()


def test_whatever_is_scheduled_is_a_task_of_ours_with_an_expiry() -> None:
    current_app.loader.import_default_modules()
    schedule: dict[str, Any] = configured_settings.CELERY_BEAT_SCHEDULE
    assert {entry["task"] for entry in schedule.values()} <= set(current_app.tasks)
    assert all(entry["options"]["expires"] for entry in schedule.values())
    assert {f"drain-{name}" for name, sink in configured_settings.SINKS.items() if sink["ENABLED"]} <= set(
        schedule
    )


@pytest.mark.parametrize(
    "command", ["drain", "take_readings", "close_ledger", "make_partitions", "count_volumes", "prune_events"]
)
def test_every_task_is_a_command(memory: MemorySink, command: str) -> None:
    capture()
    call_command(command, stdout=io.StringIO())
    assert f"capture.tasks.{command}" in current_app.tasks


def test_partitions_are_made_ahead(log: None) -> None:
    partitions.ensure()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'capture_event'::regclass")
        assert cursor.fetchone()[0] >= 8
