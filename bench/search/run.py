"""The parts of the bench, on a stack of their own."""

import os

import django

from bench import document, stack
from bench.figures import Table
from bench.search.options import Options

SETTINGS = "bench.search.settings"


def measure(options: Options) -> list[Table]:
    """Runs the parts asked for and prints their tables as they come."""
    tables: list[Table] = []
    with stack.started() as running:
        os.environ |= running.environment
        os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
        django.setup()
        from bench.search import latency, relevance  # need the models

        for name, part in (("relevance", relevance.measure), ("latency", latency.measure)):
            if name in options.only:
                print(f"\n{name} …", flush=True)
                for table in part(running, options):
                    print(f"\n{table.name}\n{document.rendered(table)}", flush=True)
                    tables.append(table)
    return tables
