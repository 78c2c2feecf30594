"""Events a second from the log to three sinks that do nothing, beside `DELETE … RETURNING` and three libraries."""

from collections.abc import Callable
from functools import partial

import psycopg
from django.conf import settings

from bench.capture import Sizes, bare, samples
from bench.capture.libraries import Jaiminho, OutboxPattern, Procrastinate
from bench.capture.measuring import Events, Run, fill_log, skip_to_end, timed
from bench.figures import Spread, Table, interleaved, ratios
from bench.stack import Stack
from capture import deliver

RAW = "`DELETE … RETURNING`, batches of 500"
OURS = "LeafLoaf, three sinks"
SHARES = {OutboxPattern.name: 0.05, Jaiminho.name: 0.025, Procrastinate.name: 0.015}
"""What share of the events is enough to measure the slow ones."""

TARGETS = {
    OURS: "0.25 of raw or more",
    OutboxPattern.name: "20 times or more",
    Jaiminho.name: "60 times or more",
    Procrastinate.name: "80 times or more",
}

Library = OutboxPattern | Jaiminho | Procrastinate


def measure(stack: Stack, sizes: Sizes) -> list[Table]:
    events = Events()
    connection = psycopg.connect(stack.database_url, autocommit=True)
    procrastinate = Procrastinate(stack.database_url)
    libraries: list[Library] = [OutboxPattern(), Jaiminho(), procrastinate]
    ways: dict[str, Callable[[], Run]] = {
        RAW: lambda: raw(stack, connection, events, sizes.events),
        OURS: lambda: ours(stack, events, sizes.events),
    }
    for each in libraries:
        count = max(20, round(sizes.events * SHARES[each.name]))
        ways[each.name] = partial(library, stack, each, events, count)
    fill_log(events.fresh(500))
    skip_to_end()
    results = interleaved(sizes.runs, ways)
    procrastinate.close()
    connection.close()
    return [table(results)]


def raw(stack: Stack, connection: bare.Connection, events: Events, count: int) -> Run:
    bare.insert(connection, samples.rows(events.fresh(count)))
    return timed(stack, count, lambda: bare.delete_all(connection))


def ours(stack: Stack, events: Events, count: int) -> Run:
    fill_log(events.fresh(count))
    delivered: list[int] = []
    run = timed(stack, count, lambda: delivered.extend(drain_all()))
    assert delivered == [count] * len(settings.SINKS), delivered
    return run


def drain_all() -> list[int]:
    """One worker, one sink after the other."""
    return [deliver.drain(name, budget_seconds=600, is_final=True) for name in settings.SINKS]


def library(stack: Stack, chosen: Library, events: Events, count: int) -> Run:
    chosen.fill([samples.plain_body(event) for event in events.fresh(count)])
    run = timed(stack, count, chosen.drain)
    assert not chosen.left(), chosen.name
    return run


def table(results: dict[str, list[Run]]) -> Table:
    made = Table(
        "drain",
        ["", "events/s", "ratio to raw", "processor time, ratio to raw", "LeafLoaf is faster by", "target"],
    )
    for name, runs in results.items():
        rate = [run.rate for run in runs]
        made.rows.append(
            [
                name,
                Spread(rate).text(0),
                ratios(rate, [run.rate for run in results[RAW]]).text(3),
                ratios([run.cpu for run in runs], [run.cpu for run in results[RAW]]).text(1),
                ratios([run.rate for run in results[OURS]], rate).text(1),
                TARGETS.get(name, ""),
            ]
        )
    return made
