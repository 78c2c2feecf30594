"""Erases what waits to be erased, and dies once at every boundary there is (kill -9 of itself).

    python -m tests.faults.dying_eraser FILE EVERY

Each life is a child of this process, which never had a connection itself. It dies before or after something that
nobody has died at yet, and the file says what that was; of all boundaries, one in EVERY counts. Leases of the dead are
ended, so that nobody waits for them. Says how many died.
"""

import os
import signal
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.db import connection

HOLDER = ("plan", "erase", "verify")
MOST_LIVES = 500


def mortal(
    function: Callable[..., Any], name: Callable[..., str], died_at: Path, every: int
) -> Callable[..., Any]:
    """The function, before and after which this process may die, if nobody has there."""

    def called(*args: Any, **kwargs: Any) -> Any:
        boundary(f"before {name(*args, **kwargs)}", died_at, every)
        answer = function(*args, **kwargs)
        boundary(f"after {name(*args, **kwargs)}", died_at, every)
        return answer

    return called


def boundary(name: str, died_at: Path, every: int) -> None:
    known = died_at.read_text().splitlines() if died_at.exists() else []
    if name in known or zlib.crc32(name.encode()) % every:
        return
    with died_at.open("a") as file:
        file.write(f"{name}\n")
    os.kill(os.getpid(), signal.SIGKILL)


def live(died_at: Path, every: int) -> None:
    """Works until nothing is due, or until a boundary that nobody has died at."""
    from privacy import holders
    from privacy.erasure import certificate, machine, steps

    def settled(step: Any, **values: Any) -> str:
        return f"settle {step.holder} {values.get('state', 'plan')}"

    def moved(request: Any, now: Any) -> str:
        return f"move {request.state}"

    machine._move = mortal(machine._move, moved, died_at, every)
    steps.settle = mortal(steps.settle, settled, died_at, every)
    steps.claim = mortal(steps.claim, lambda *_: "claim", died_at, every)
    certificate.issue = mortal(certificate.issue, lambda *_: "issue", died_at, every)
    for holder_name in holders.enabled():
        holder = holders.get(holder_name)
        for act in HOLDER:
            said = f"{act} {holder_name}"
            setattr(holder, act, mortal(getattr(holder, act), lambda *_, said=said: said, died_at, every))
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


def is_open() -> None:
    """Fails while a request is open: something was waited for that another look may find done."""
    from privacy.models import DeletionRequest

    if DeletionRequest.objects.exclude(state="certified").exists():
        raise LookupError("not certified")


def main() -> int:
    django.setup()
    died_at, every = Path(sys.argv[1]), int(sys.argv[2])
    for _ in range(MOST_LIVES):
        ended = child(lambda: live(died_at, every))
        if ended not in {0, signal.SIGKILL}:
            return 1
        if child(forget_leases):
            return 1
        if ended == 0 and child(is_open) == 0:
            print(len(died_at.read_text().splitlines()))  # noqa: T201
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
