"""Hours of a worker in milliseconds: a replica that is late, on a busy machine, is read again."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import time_machine

from privacy.erasure import machine
from privacy.holders import Finding, Presence, Task
from privacy.models import DeletionRequest, DeletionStep
from privacy.replica_holder import ReplicaHolder

SECONDS = 60
CERTIFIED = DeletionRequest.State.CERTIFIED


def states() -> dict[str, str]:
    return dict(DeletionStep.objects.values_list("holder", "state"))


def go_on(hours: int = 0) -> None:
    """Does what is due then, at one moment: what failed in it rests."""
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours, seconds=1), tick=False):
        machine.advance_all()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    hours = 3
    while not condition():
        assert time.monotonic() < deadline, states()
        hours += 1
        go_on(hours)


def until_certified() -> None:
    until(lambda: set(DeletionRequest.objects.values_list("state", flat=True)) == {CERTIFIED})


def read(task: Task) -> Finding:
    """What the holder finds once the replica lets it in, and has what is waited for."""
    deadline = time.monotonic() + SECONDS
    while (found := ReplicaHolder().verify(task)).presence == Presence.UNREACHABLE:
        assert time.monotonic() < deadline, found.said
        time.sleep(0.02)
    return found
