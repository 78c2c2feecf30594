"""How fast capture is, and what it costs: `python -m bench capture`."""

import os
from dataclasses import dataclass

import django

from bench import stack
from bench.figures import Table


@dataclass(frozen=True)
class Sizes:
    """How much is measured; `events` is what a fast contender gets in one measurement."""

    events: int
    runs: int
    is_full: bool


def measure(parts: tuple[str, ...], sizes: Sizes) -> list[Table]:
    """Runs the parts named, each on an empty log, and prints their tables as they come."""
    tables: list[Table] = []
    with stack.started() as running:
        os.environ |= running.environment
        os.environ["DJANGO_SETTINGS_MODULE"] = stack.SETTINGS
        django.setup()
        from bench.capture import run  # needs the models

        for part in parts:
            tables += run.part(part, running, sizes)
    return tables
