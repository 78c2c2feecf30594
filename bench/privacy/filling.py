"""The log and the stores, filled through the front door and by the sinks themselves, with several processes."""

import multiprocessing
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from multiprocessing.synchronize import Barrier

import msgspec
from django.core.management import call_command
from django.db import connection, connections

from bench.capture.measuring import execute
from bench.privacy import crowd
from capture import deliver, ingest, partitions

PROCESSES = 2
BATCH = 500
PATIENCE_SECONDS = 60.0
DRAINERS = ("redis", "bigquery", "cloud_storage", "cloud_storage")
COUNTS = ("count_volumes", "count_searches", "count_aggregates", "count_baskets", "close_ledger")
LATE = """
    INSERT INTO capture_sink (name, state, cursor_xid, cursor_id, cursor_received_at, next_sequence, delivered,
                              failures, last_error)
    SELECT 'bigquery', 'enabled', xid, id, received_at, 1, 0, 0, ''
    FROM capture_event WHERE received_at < %s ORDER BY xid DESC, id DESC LIMIT 1
"""
OWED = "SELECT count(*) FROM capture_outboxbatch WHERE state <> 'delivered'"


def fill(events: int) -> None:
    """So many events into the log, day by day, by `ingest.accept`."""
    days = crowd.days()
    partitions.ensure(days[0].date(), crowd.DAYS + partitions.DAYS_AHEAD)
    each_day = events // len(days)
    barrier = multiprocessing.get_context("fork").Barrier(PROCESSES)
    together([lambda place=place: _write(place, each_day, events, barrier) for place in range(PROCESSES)])  # type: ignore[misc]
    rest = events - execute("SELECT count(*) FROM capture_event")[0][0]
    _accept(crowd.Crowd(events, PROCESSES + 1), days[-1], rest)


def _write(place: int, each_day: int, events: int, barrier: Barrier) -> None:
    """One process's batches; all stay on the same day, for a batch of the outbox has events of one day."""
    people = crowd.Crowd(events, place + 1)
    batches = each_day // BATCH
    for day in crowd.days():
        until = min(day + timedelta(days=1), datetime.now(UTC))
        for number in range(place, batches, PROCESSES):
            _accept(people, day + (until - day) * number / batches, BATCH)
        barrier.wait(PATIENCE_SECONDS)


def _accept(people: crowd.Crowd, moment: datetime, size: int) -> None:
    bodies = [msgspec.json.encode(event) for event in people.batch(moment, size)]
    if bodies:
        receipt = ingest.accept(bodies, received_at=moment, past=None)
        assert receipt.accepted == size, receipt


def drain(warehoused: int) -> None:
    """All of it to Redis and Cloud Storage, the last so many days to BigQuery, whose stand-in takes few a second."""
    execute(LATE, crowd.days()[-warehoused])
    together([lambda name=name: _drain(name) for name in DRAINERS])  # type: ignore[misc]
    assert execute(OWED)[0][0] == 0


def _drain(name: str) -> None:
    while deliver.drain(name, budget_seconds=600, is_final=True):
        pass


def count() -> None:
    """What tasks count every minute, so that none of them has a month to catch up with while we measure."""
    for command in COUNTS:
        call_command(command, stdout=StringIO())
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
        cursor.execute("RESET statement_timeout")


def together(work: Sequence[Callable[[], None]]) -> None:
    """Each in a process of its own. The parent must not have spoken to a store yet: a child would go on with that."""
    connections.close_all()
    connection.close_pool()  # a child would speak on its parent's connections
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=one) for one in work]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)
