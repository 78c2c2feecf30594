"""Erases what waits to be erased, and dies at every boundary there is, one after another (kill -9 of itself).

    python -m tests.faults.dying_eraser

Each life is a child of this process that has never had a connection; it dies where the one before it came one boundary
further. Leases of the dead are ended, so that nobody waits for them. Says how many died.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import django
from django.db import connection

BOUNDARIES = ("claim", "settle")
HOLDER = ("plan", "erase", "verify")
MOST_LIVES = 500


def mortal(function: Callable[..., Any], lives: int) -> Callable[..., Any]:
    """The function, before and after which this process may have come to the boundary that is its last."""

    def called(*args: Any, **kwargs: Any) -> Any:
        boundary(lives)
        answer = function(*args, **kwargs)
        boundary(lives)
        return answer

    return called


def boundary(lives: int, passed: Iterator[int] = count(1)) -> None:  # noqa: B008 (one for the whole life)
    if next(passed) == lives:
        os.kill(os.getpid(), signal.SIGKILL)


def live(lives: int) -> None:
    """Works until nothing is due, or until the boundary of this number."""
    from privacy import holders
    from privacy.erasure import certificate, fence, machine, steps

    for module, name in [(steps, "claim"), (steps, "settle"), (machine, "_move"), (certificate, "issue")]:
        setattr(module, name, mortal(getattr(module, name), lives))
    fence.is_settled = mortal(fence.is_settled, lives)
    for name in holders.enabled():
        holder = holders.get(name)
        for act in HOLDER:
            setattr(holder, act, mortal(getattr(holder, act), lives))
    machine.advance_all(until_quiet=True)


def forget_leases() -> None:
    from privacy.models import DeletionStep

    DeletionStep.objects.update(leased_until=None, available_at="2000-01-01T00:00:00Z")


def child(work: Callable[[], None]) -> int:
    """How a child ended that did this: 0, or the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            connection.close()
        except BaseException as error:  # noqa: BLE001 (it must not go on as its parent)
            print(repr(error), file=sys.stderr, flush=True)  # noqa: T201
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return -os.waitstatus_to_exitcode(status)


def main() -> int:
    django.setup()
    for lives in range(1, MOST_LIVES):
        ended = child(lambda: live(lives))  # noqa: B023 (used before the next)
        if ended not in {0, signal.SIGKILL}:
            return 1
        if ended == 0:
            print(lives - 1)  # noqa: T201
            return 0
        if child(forget_leases):
            return 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
