"""The limits of a request in this process alone, while no server can be asked: each process counts for itself.

At most `MOST` are kept; then the one that was begun first is forgotten, and its limit begins anew.
"""

import threading
import time
from collections.abc import Sequence

from leafloaf.access.throttling import gcra
from leafloaf.access.throttling.demands import Demand
from leafloaf.access.throttling.verdict import Verdict

MOST = 20_000
"""About 3 MB."""

_arrivals: dict[bytes, int] = {}
_lock = threading.Lock()


def take(demands: Sequence[Demand]) -> Verdict:
    """Takes all of them or none."""
    with _lock:
        now = time.monotonic_ns() // 1000
        starts = [gcra.started(_arrivals.get(one.name, 0), now, one.rate) for one in demands]
        verdict = Verdict(demands, starts, now)
        if not verdict.wait:
            for one, start in zip(demands, starts, strict=True):
                if one.takes:
                    _keep(one.name, gcra.moved(start, one.rate, one.takes))
    return verdict


def forget() -> None:
    with _lock:
        _arrivals.clear()


def _keep(name: bytes, arrival: int) -> None:
    if name not in _arrivals and len(_arrivals) >= MOST:
        del _arrivals[next(iter(_arrivals))]
    _arrivals[name] = arrival
