"""Processes that ask for limits as fast as they can: `python -m tests.access.throttling.hammer STORE…`.

Prints, for each store and each number of limits at once, how many went through of the first one, which all ask for: it
is one of 100 an hour, as are those that each takes beside it, in any choice.
"""

import importlib
import multiprocessing
import random
import sys
from typing import Any
from uuid import uuid4

import django

PROCESSES = 4
TIMES = 60
ROUNDS = (1, 6)


def main() -> None:
    django.setup()
    for store in sys.argv[1:]:
        for limits in ROUNDS:
            print(hammered(store, [uuid4().bytes for _ in range(limits)]), flush=True)  # noqa: T201


def hammered(store: str, names: list[bytes]) -> int:
    """How many were let through, in all."""
    context = multiprocessing.get_context("fork")
    passed, begin = context.Queue(), context.Barrier(PROCESSES)
    processes = [context.Process(target=ask, args=(store, names, begin, passed)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    found = [int(passed.get(timeout=60)) for _ in processes]
    for process in processes:
        process.join()
    return sum(found)


def ask(store: str, names: list[bytes], begin: Any, passed: Any) -> None:
    """Says into a queue how many went through, once all have come to the barrier."""
    from leafloaf.access.throttling.demands import Demand, by_name
    from leafloaf.access.throttling.gcra import Rate

    take = importlib.import_module(f"leafloaf.access.throttling.{store}_store").take
    first, *others = (Demand("tests-key", name, Rate(100, 3600)) for name in names)
    begin.wait()
    found = 0
    for _ in range(TIMES):
        beside = random.sample(others, random.randint(0, len(others)))  # noqa: S311
        found += not take(sorted([first, *beside], key=by_name)).wait
    passed.put(found)


if __name__ == "__main__":
    main()
