"""Whether the time of an answer tells that a user is known: `python -m bench.existence`.

Asks of a known and of a made-up one in turns, in one process. `told` is how often, of a pair, the known one took
longer: 50 % tells nothing. The last column asks of made-up ones both times, which is what chance alone makes of it.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from uuid import uuid4

import django

from bench import document, stack
from bench.figures import Table

PAIRS, WARM_UP = 600, 30
ROUTES = ("profile", "graph", "reorder", "recommendations", "recommendations/dismissals", "privacy/settings")
LIMITS = ("SEARCH", "EVENTS", "RECOMMENDATIONS", "PRIVACY", "PRIVACY_WRITES", "FAILURES")
numbers = count()


def main() -> None:
    with stack.started() as running:
        os.environ |= running.environment | {"REDIS_ENABLED": "false", "SEMANTIC_ENABLED": "false"}
        os.environ |= {f"THROTTLE_{name}": "off" for name in LIMITS}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "leafloaf.settings", "DEBUG": "true", "ALLOWED_HOSTS": "*"}
        django.setup()
        print(document.rendered(measured()))


def measured() -> Table:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    table = Table("existence", ["asked", "known / unknown", "told", "told of the same twice"])
    for name, known, unknown in cases():
        ratio, told = compared(known, unknown)
        table.rows.append([name, f"{ratio:.3f}", f"{told:.0%}", f"{compared(unknown, unknown)[1]:.0%}"])
    return table


def compared(known: Callable[[], Any], unknown: Callable[[], Any]) -> tuple[float, float]:
    """The ratio of the medians, and the share of pairs in which the first took longer; ever the other goes first."""
    for _ in range(WARM_UP):
        known(), unknown()
    times: list[tuple[float, float]] = []
    for number in range(PAIRS):
        first, second = (known, unknown) if number % 2 else (unknown, known)
        a, b = timed(first), timed(second)
        times.append((a, b) if number % 2 else (b, a))
    longer = sum(a > b for a, b in times) / PAIRS
    return statistics.median(a for a, _ in times) / statistics.median(b for _, b in times), longer


def timed(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def cases() -> Iterator[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """What a shop's key asks of somebody new, and what a stranger's token tries on somebody who has everything."""
    from django.test import Client

    from leafloaf.access import keys
    from leafloaf.access.models import ApiClient
    from privacy import exporting, subjects
    from tests.access.signing import hs256

    subjects.resolve(["user_known"])
    key, client = keys.create("Bench", ApiClient.Kind.SECRET), Client()
    token = hs256("bench").token(sub="user_stranger")
    theirs = exporting.ask("user_known").pk

    def get(path: str, credential: str, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {credential}", **headers}
        return client.get(f"/api/v1/{path}", headers=sent)

    for route in ROUTES:
        yield (
            f"GET {route}, secret key",
            lambda route=route: get(route, key, **{"X-User-Id": "user_known"}),
            lambda route=route: get(route, key, **{"X-User-Id": f"user_{next(numbers):05d}"}),
        )
    yield (
        "GET profile, another's token",
        lambda: get("profile", token, **{"X-User-Id": "user_known"}),
        lambda: get("profile", token, **{"X-User-Id": f"user_{next(numbers):05d}"}),
    )
    yield (
        "GET exports/{id}, another's token",
        lambda: get(f"privacy/exports/{theirs}", token),
        lambda: get(f"privacy/exports/{uuid4()}", token),
    )


if __name__ == "__main__":
    main()
