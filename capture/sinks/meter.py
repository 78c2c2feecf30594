"""What a batch's delivery took of a store that counts and charges: filled by the sink, kept by `capture.usage`.

A *request* is counted when it reached the store, whatever became of it: quotas count it too. A *row* is counted once
for the batch that it belongs to, when the store is known to hold it: when it acknowledged the row, or when a later
attempt found it there after an answer was lost.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

STREAMING, STORAGE_WRITE, QUERY = "streaming", "storage_write", "query"
"""How rows are written, each with its price; and the store's own queries, which have one too."""
KIB = 1024
LEAST_BILLED = {STREAMING: KIB}
"""A smaller row is charged as so many bytes (BigQuery documentation, "Pricing", streaming inserts)."""

Place = tuple[str, str]
"""A table's short name, and how it is written to."""


@dataclass
class Used:
    """What one table took."""

    requests: int = 0
    sent_rows: int = 0
    sent_bytes: int = 0
    largest_rows: int = 0
    largest_bytes: int = 0
    streams: int = 0
    rows: int = 0
    row_bytes: int = 0
    billed_bytes: int = 0


class Meter:
    """Of one batch, over all requests that a worker makes for it.

    Args:
        is_counted: the batch was delivered and counted before, and only what was lost is sent again.
    """

    def __init__(self, is_counted: bool = False) -> None:
        self.is_counted = is_counted
        self._requests: dict[Place, Used] = {}
        self._rows: dict[Place, dict[str, int]] = {}

    def request(self, place: Place, rows: int, size: int, streams: int = 0) -> None:
        """One request that reached the store: how many rows were in it, of how many bytes on the wire.

        Args:
            streams: how many streams were opened for it, where the store counts those.
        """
        used = self._requests.setdefault(place, Used())
        used.requests += 1
        used.sent_rows += rows
        used.sent_bytes += size
        used.largest_rows = max(used.largest_rows, rows)
        used.largest_bytes = max(used.largest_bytes, size)
        used.streams += streams

    def stored(self, place: Place, sizes: Mapping[str, int]) -> None:
        """Rows that the store acknowledged: by event id, how many bytes each takes there."""
        self._rows.setdefault(place, {}).update(sizes)

    def found(self, place: Place, sizes: Mapping[str, int]) -> None:
        """Rows that the store was found to hold from an attempt whose answer was lost."""
        if not self.is_counted:
            self.stored(place, sizes)

    def requests(self) -> Mapping[Place, Used]:
        """What the requests took, without the rows: of a batch that is not settled."""
        return self._requests

    def all(self) -> Mapping[Place, Used]:
        """The requests, and each row once."""
        used = dict(self._requests)
        for place, sizes in self._rows.items():
            used[place] = replace(
                used.get(place, Used()),
                rows=len(sizes),
                row_bytes=sum(sizes.values()),
                billed_bytes=billed(place[1], sizes.values()),
            )
        return used


def billed(mode: str, sizes: Iterable[int]) -> int:
    least = LEAST_BILLED.get(mode, 0)
    return sum(max(size, least) for size in sizes)


class Queries:
    """The queries that this process had the store run, until somebody writes them down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = self._bytes = 0

    def add(self, billed_bytes: int) -> None:
        with self._lock:
            self._count += 1
            self._bytes += billed_bytes

    def take(self) -> tuple[int, int]:
        """How many there were since the last time, and what they are charged for."""
        if not self._count:  # the usual case, asked after every batch
            return 0, 0
        with self._lock:
            taken, self._count, self._bytes = (self._count, self._bytes), 0, 0
        return taken


queries = Queries()
