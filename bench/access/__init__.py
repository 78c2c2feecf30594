"""What limits cost: `python -m bench access`."""

import os

import django

from bench import stack
from bench.figures import Table

SETTINGS = "leafloaf.settings"


def measure(requests: int, runs: int) -> list[Table]:
    """Prints the tables as they come."""
    with stack.started() as running:
        os.environ |= running.environment | {"SEMANTIC_ENABLED": "false"}
        os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
        django.setup()
        from bench.access import limits  # needs the models

        return [limits.measure(running, requests, runs)]
