"""Ports for each of several test processes alone: a server binds the port that was picked for it seconds later."""

import os

from leafloaf.stack import ports

RANGE = "LEAFLOAF_TEST_PORTS"


def share(number: int, count: int) -> str:
    """What the process of this number, from 0, has of the ports of this one."""
    lowest, highest = _mine()
    size = (highest + 1 - lowest) // count
    return f"{lowest + number * size}-{lowest + (number + 1) * size - 1}"


def use() -> None:
    ports.LOWEST, ports.HIGHEST = _mine()


def _mine() -> tuple[int, int]:
    lowest, _, highest = os.environ.get(RANGE, f"{ports.LOWEST}-{ports.HIGHEST}").partition("-")
    return int(lowest), int(highest)
