"""One thread that sends wake-ups, for a broker that is asked before it takes one: no request waits for that.

More than `MOST` wait at no time: a wake-up that finds no room is lost, which delays a delivery until the scheduler's
next round.
"""

import threading
from collections.abc import Callable
from queue import Full, Queue

MOST = 20

_waiting: Queue[Callable[[], None]] = Queue(MOST)
_lock = threading.Lock()
_threads: list[threading.Thread] = []


def later(send: Callable[[], None]) -> None:
    """Has it done soon, by another thread; `send` says itself what went wrong."""
    with _lock:
        if not any(thread.is_alive() for thread in _threads):
            _threads[:] = [threading.Thread(target=_work, name="wake-ups", daemon=True)]
            _threads[0].start()
    try:
        _waiting.put_nowait(send)
    except Full:
        return


def _work() -> None:
    while True:
        send = _waiting.get()
        try:
            send()
        finally:
            _waiting.task_done()
