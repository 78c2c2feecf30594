"""What the parts of the bench share: filling the log, watching Postgres, timing a piece of work."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
from django.conf import settings
from django.db import connection

from bench import machine
from bench.capture import samples
from bench.stack import Stack
from capture import ingest

FILL_BATCH = 500


@dataclass(frozen=True)
class Run:
    """One measurement: events a second, and processor seconds an event of all that took part."""

    rate: float
    cpu: float


class Events:
    """Events never seen before: a pool of contents, each time under new ids."""

    def __init__(self, size: int = 10_000) -> None:
        self.pool = samples.Samples().events(size)

    def fresh(self, count: int) -> list[dict[str, Any]]:
        chosen = (self.pool[place % len(self.pool)] for place in range(count))
        return [event | {"event_id": str(uuid4())} for event in chosen]


def fill_log(events: list[dict[str, Any]], batch: int = FILL_BATCH) -> None:
    """Through the front door, without HTTP."""
    for start in range(0, len(events), batch):
        receipt = ingest.accept([msgspec.json.encode(event) for event in events[start : start + batch]])
        assert receipt.accepted == len(events[start : start + batch]), receipt


def timed(stack: Stack, count: int, work: Callable[[], object], server: int | None = None) -> Run:
    """The work's rate and cost: of Postgres, and of a server process or, without one, of this process."""

    def cpu() -> float:
        own = time.process_time() if server is None else machine.cpu_seconds(server)
        return machine.cpu_seconds(stack.postgres.pid) + own

    before, started = cpu(), time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    return Run(count / seconds, (cpu() - before) / count)


def execute(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def wal_position() -> int:
    """Bytes of WAL written since the cluster was made."""
    return int(execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")[0][0])


def wal_bytes(work: Callable[[], object]) -> int:
    before = wal_position()
    work()
    return wal_position() - before


def skip_to_end() -> None:
    """Every sink has been given all there is: what is measured next starts from here."""
    for name in settings.SINKS:
        execute(SKIP, name)


SKIP = """
    INSERT INTO capture_sink AS sink (name, state, cursor_xid, cursor_id, cursor_received_at, next_sequence,
                                      delivered, failures, last_error)
    SELECT %s, 'enabled', last.xid, last.id, last.received_at, 1, 0, 0, ''
    FROM (SELECT xid, id, received_at FROM capture_event ORDER BY xid DESC, id DESC LIMIT 1) AS last
    ON CONFLICT (name) DO UPDATE SET cursor_xid = excluded.cursor_xid, cursor_id = excluded.cursor_id,
        cursor_received_at = excluded.cursor_received_at
"""


@contextmanager
def setting(name: str, value: str) -> Iterator[None]:
    """A setting of Postgres for a while."""
    execute(f"ALTER SYSTEM SET {name} = '{value}'")
    execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        execute(f"ALTER SYSTEM RESET {name}")
        execute("SELECT pg_reload_conf()")
