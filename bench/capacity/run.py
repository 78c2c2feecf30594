"""One size of the log after the other, all parts at each; then what is measured once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench import document
from bench.capacity import figures, shop
from bench.capacity.figures import Figures
from bench.capacity.options import Options
from bench.figures import Table
from bench.privacy.shop import Shop

AT_EACH_SIZE = ("requests", "ingest", "outbox", "counting", "retention", "erasure")


def measure(given: Options) -> list[Table]:
    """Prints the tables at the end, for they are worked out from all parts together."""
    from bench.capacity import tables

    with shop.opened(given) as running:
        found = measured(given, running)
    made = list(tables.every(found))
    for table in made:
        print(f"\n{table.name}\n{document.rendered(table)}", flush=True)
    return made


def measured(given: Options, running: Shop) -> Figures:
    """Together with what the file of figures held already; it is written after each part, lest a long run be lost."""
    found = figures.read(given.figures) if given.figures else Figures()
    for piece in pieces(given, running):
        found = figures.merged(found, piece)
        if given.figures:
            figures.write(given.figures, found)
    return found


def pieces(given: Options, running: Shop) -> Iterator[Figures]:
    from bench.capacity import commits, disk, growing, processes, replica, stages, workers  # need the models
    from bench.capacity.asking import Visitors
    from bench.load import standing

    keys, products = shop.keys(), standing.products()
    with timed("the sample"):
        growing.sample([product.sku for product in products])
    for size in given.sizes:
        visitors = Visitors(keys, products, size)
        with timed(f"{size:,} events into the log"):
            growing.fill(size)
        yield Figures(disk={size: disk.measure()})
        if set(given.only) & set(AT_EACH_SIZE):
            with timed(f"{given.runs} rounds"), shop.web(running) as (web, port):
                rounds = stages.Rounds(running, given, visitors, size, web.pid, port)
                yield Figures(costs={size: rounds.run()})
        if "replica" in given.only:
            with timed("with a replica"):
                yield Figures(costs={size: replica.measure(running, visitors, given)})
    if "workers" in given.only:
        with timed("one sink, several workers"):
            yield Figures(drained=workers.measure(given.runs))
    if "commits" in given.only:
        with timed("commits"):
            yield Figures(commits=commits.measure(running.running.database_url, given.runs))
    if "processes" in given.only:
        with timed("what processes hold"):
            yield Figures(processes=processes.measure(running, visitors, given))


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"{what} …", end=" ", flush=True)
    yield
    print(f"{time.monotonic() - started:.0f} s", flush=True)
