"""One part of the bench after the other, in one database."""

from collections.abc import Callable

from django.core.management import call_command
from django.db import connection

from bench import document
from bench.capture import Sizes, away, bare, drain, ingest, lag, search, wal, warehouse
from bench.figures import Table
from bench.stack import Stack

PARTS: dict[str, Callable[[Stack, Sizes], list[Table]]] = {
    "ingest": ingest.measure,
    "drain": drain.measure,
    "wal": wal.measure,
    "lag": lag.measure,
    "away": away.measure,
    "search": search.measure,
    "warehouse": warehouse.measure,
}
LOG = "capture_event, capture_eventkey, capture_outboxbatch, capture_deadletter, capture_sink, bench_event"


def part(name: str, stack: Stack, sizes: Sizes) -> list[Table]:
    print(f"\n{name} …", flush=True)
    call_command("migrate", verbosity=0)
    bare.make(stack.database_url)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {LOG} CASCADE")
    tables = PARTS[name](stack, sizes)
    for table in tables:
        print(f"\n{table.name}\n{document.rendered(table)}", flush=True)
    return tables
