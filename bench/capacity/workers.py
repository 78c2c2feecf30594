"""Whether several worker processes drain one sink side by side: events a second to a store that is far away."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from bench.capacity import slow
from bench.capture.measuring import execute
from bench.privacy import filling
from capture import deliver, seal
from capture.models import Sink

NUMBERS = (1, 2, 4)
BATCHES = 40
BACK = """
    UPDATE capture_sink SET cursor_xid = found.xid, cursor_id = found.id, cursor_received_at = found.received_at
    FROM (SELECT xid, id, received_at FROM capture_event ORDER BY xid DESC, id DESC OFFSET %s LIMIT 1) AS found
    WHERE name = %s
"""


def measure(runs: int) -> dict[int, list[float]]:
    """By the number of processes; the same events of the log each time."""
    found: dict[int, list[float]] = {number: [] for number in NUMBERS}
    with far_store():
        for _ in range(runs):
            for number, rates in found.items():
                rates.append(rate(number))
    return found


def rate(processes: int) -> float:
    events = sealed()
    began = time.perf_counter()
    filling.together([drain] * processes)
    seconds = time.perf_counter() - began
    left = execute(
        "SELECT count(*) FROM capture_outboxbatch WHERE sink = %s AND state <> 'delivered'", slow.NAME
    )
    assert left == [(0,)], left
    return events / seconds


def sealed() -> int:
    """The last events of the log, sealed anew; how many."""
    size = int(str(slow.CONFIGURED["BATCH_SIZE"]))
    wanted = min(BATCHES * size, int(execute("SELECT count(*) - 1 FROM capture_event")[0][0]))
    execute("DELETE FROM capture_outboxbatch WHERE sink = %s", slow.NAME)
    execute(BACK, wanted, slow.NAME)
    while seal.due(slow.NAME, is_final=True):
        pass
    return int(execute("SELECT sum(count) FROM capture_outboxbatch WHERE sink = %s", slow.NAME)[0][0])


def drain() -> None:
    while deliver.drain(slow.NAME, budget_seconds=600, is_final=True):
        pass


@contextmanager
def far_store() -> Iterator[None]:
    """One more sink for a while."""
    settings.SINKS[slow.NAME] = slow.CONFIGURED
    Sink.objects.get_or_create(name=slow.NAME)
    try:
        yield
    finally:
        del settings.SINKS[slow.NAME]
        execute("DELETE FROM capture_outboxbatch WHERE sink = %s", slow.NAME)
        Sink.objects.filter(name=slow.NAME).delete()
