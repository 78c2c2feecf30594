"""Many objects at once, in several threads."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from capture.sinks.cloud_storage import CloudStorageSink

THREADS = 8
AHEAD = 8 * THREADS
"""Objects that are asked for before the first has been used."""

T = TypeVar("T")
R = TypeVar("R")


def each(
    sink: CloudStorageSink, work: Callable[[CloudStorageSink, T], R], items: Iterable[T]
) -> Iterator[tuple[T, R]]:
    """Does the work with every item, in order, and yields what came of it; the first failure ends it.

    Each thread has a connection of its own: what the client holds ("requests" sessions) is not meant to be shared.
    """
    connections = Connections(sink)
    pool = ThreadPoolExecutor(THREADS)
    waiting: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(connections.do, work, item)))
            if len(waiting) >= AHEAD:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        pool.shutdown(cancel_futures=True)
        connections.close()


def _first(waiting: deque[tuple[T, Future[R]]]) -> tuple[T, R]:
    item, future = waiting.popleft()
    return item, future.result()


class Connections:
    """A copy of the sink for each thread that asks."""

    def __init__(self, sink: CloudStorageSink) -> None:
        self.sink = sink
        self.local = threading.local()
        self.opened: list[CloudStorageSink] = []

    def do(self, work: Callable[[CloudStorageSink, T], R], item: T) -> R:
        if not hasattr(self.local, "sink"):
            self.local.sink = self.sink.another()
            self.opened.append(self.local.sink)
        return work(self.local.sink, item)

    def close(self) -> None:
        for sink in self.opened:
            sink.client.close()
