"""Events a second through `POST /api/v1/events`, beside the raw INSERT and two other ways to write such a view."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg

from bench.capture import Sizes, bare, clients, samples
from bench.capture.measuring import Events, Run, execute, timed
from bench.figures import Spread, Table, interleaved, number, ratios
from bench.stack import Stack
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.stack.process import Process

BATCHES = {1: 0.15, 10: 0.5, 100: 1.0, 500: 1.5}
"""Events in a request, and what share of the usual number of events is then enough."""

TARGETS = {1: "0.25 or more", 100: "0.50 or more", 500: "0.50 or more"}
RAW = "raw INSERT, eight connections"
OURS = "LeafLoaf, Granian 1 x 8"
SHIPPED = "LeafLoaf, Granian 2 x 32 (as shipped)"
PLAIN = "DRF serializer + `bulk_create`, Granian 1 x 8"
FAST = "FastAPI + pydantic + asyncpg, uvicorn x 2"
SLOW_SHARE = {PLAIN: 0.25}


@dataclass
class Bench:
    stack: Stack
    events: Events
    key: str
    sent_to_log: int = 0

    def raw(self, batch: int, count: int) -> Run:
        statements = bare.statements(samples.rows(self.events.fresh(count)), batch)
        connections = [
            psycopg.connect(self.stack.database_url, autocommit=True) for _ in range(clients.CLIENTS)
        ]

        def work(place: int) -> None:
            bare.execute(connections[place], statements[place :: clients.CLIENTS])

        try:
            return timed(self.stack, count, lambda: clients.together(work))
        finally:
            for each in connections:
                each.close()

    def ours(self, process: Process, port: int, batch: int, count: int) -> Run:
        bodies = samples.bodies(self.events.fresh(count), batch)
        requests = [clients.request("/api/v1/events", body, self.key) for body in bodies]
        self.sent_to_log += count
        return timed(self.stack, count, lambda: clients.post(port, requests), process.pid)

    def other(self, process: Process, port: int, batch: int, count: int) -> Run:
        events = [samples.plain_body(event) for event in self.events.fresh(count)]
        parts = [events[start : start + batch] for start in range(0, count, batch)]
        requests = [clients.request("/events", samples.enveloped(part)) for part in parts]
        return timed(self.stack, count, lambda: clients.post(port, requests), process.pid)


def measure(stack: Stack, sizes: Sizes) -> list[Table]:
    key = keys.create("Bench", ApiClient.Kind.SECRET)
    bench = Bench(stack, Events(), key)
    one, one_port = stack.granian("one-worker", workers=1, threads=8)
    two, two_port = stack.granian("two-workers", workers=2, threads=32)
    plain, plain_port = stack.granian(
        "plain",
        workers=1,
        threads=8,
        wsgi="bench.capture.plain.wsgi:application",
        settings="bench.capture.plain.settings",
    )
    fast, fast_port = stack.uvicorn("fast", "bench.capture.fast:app", workers=2)
    ways: dict[str, Callable[[int, int], Run]] = {
        RAW: bench.raw,
        OURS: lambda batch, count: bench.ours(one, one_port, batch, count),
        SHIPPED: lambda batch, count: bench.ours(two, two_port, batch, count),
        PLAIN: lambda batch, count: bench.other(plain, plain_port, batch, count),
        FAST: lambda batch, count: bench.other(fast, fast_port, batch, count),
    }
    for way in ways.values():
        way(10, 400)  # connections, prepared statements, the subjects of the users
    results = {batch: rounds(ways, batch, sizes) for batch in BATCHES}
    check_log(bench.sent_to_log)
    stack.stop(one, two, plain, fast)
    return [rates(results), costs(results)]


def rounds(ways: dict[str, Callable[[int, int], Run]], batch: int, sizes: Sizes) -> dict[str, list[Run]]:
    def count(name: str) -> int:
        wanted = sizes.events * BATCHES[batch] * SLOW_SHARE.get(name, 1.0)
        return max(1, round(wanted / batch / clients.CLIENTS)) * batch * clients.CLIENTS

    measured = {name: partial(way, batch, count(name)) for name, way in ways.items()}
    return interleaved(sizes.runs, measured)


def check_log(sent: int) -> None:
    """What was measured is in the log, each event once."""
    if execute("SELECT count(*), count(DISTINCT event_id) FROM capture_event") != [(sent, sent)]:
        raise clients.BadAnswer(f"the log does not hold the {sent} events that were sent")


def rates(results: dict[int, dict[str, list[Run]]]) -> Table:
    table = Table(
        "ingest", ["events/s, as a ratio to the raw INSERT", *(f"batch {batch}" for batch in results)]
    )
    for name in (RAW, OURS, SHIPPED, PLAIN, FAST):
        cells = []
        for runs in results.values():
            own = [run.rate for run in runs[name]]
            raw = [run.rate for run in runs[RAW]]
            cells.append(f"{number(Spread(own).median)}/s" if name == RAW else ratios(own, raw).text())
        table.rows.append([name, *cells])
    for name in (OURS, SHIPPED):
        best = [ratios(rate(runs[name]), rate(runs[PLAIN])).text(1) for runs in results.values()]
        table.rows.append([f"{name}, times DRF + `bulk_create` (target at 100: 4)", *best])
        fast = [ratios(rate(runs[name]), rate(runs[FAST])).text() for runs in results.values()]
        table.rows.append([f"{name}, times FastAPI + pydantic (target at 100: 1)", *fast])
    return table


def rate(runs: list[Run]) -> list[float]:
    return [run.rate for run in runs]


def costs(results: dict[int, dict[str, list[Run]]]) -> Table:
    columns = ["processor time an event, server and Postgres, µs", *(f"batch {batch}" for batch in results)]
    table = Table("ingest-cpu", columns)
    for name in (RAW, OURS, SHIPPED, PLAIN, FAST):
        cells = [Spread([run.cpu * 1e6 for run in runs[name]]).text(0) for runs in results.values()]
        table.rows.append([name, *cells])
    return table
