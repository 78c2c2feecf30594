"""One part after the other, on one shop."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench import document
from bench.figures import Table
from bench.privacy import shop as shops
from bench.privacy.options import Options


def measure(given: Options) -> list[Table]:
    """Prints the tables as they come."""
    tables = []
    with shops.opened() as shop:
        for table in _tables(given, shop):
            print(f"\n{table.name}\n{document.rendered(table)}\n", flush=True)
            tables.append(table)
    return tables


def _tables(given: Options, shop: shops.Shop) -> Iterator[Table]:
    from bench.capture import lag  # needs the models
    from bench.privacy import filling, parts

    with timed("fill the log"):
        filling.fill(given.events)
    with timed("drain it to every store"):
        filling.drain(given.warehoused)
    with timed("count it"):
        filling.count()
    yield parts.stock(given.events)
    if "bigquery" in given.only:
        yield parts.bigquery(shop)
    with shops.web(shop) as caller:
        if "exports" in given.only:
            yield parts.exports(caller)
        with lag.celery(shop.running, shop.environment):
            if "one" in given.only:
                yield from parts.one_by_one(shop, caller, given.people)
            if "many" in given.only:
                yield parts.at_once(shop, caller, given.people // 2)
            if "ingest" in given.only:
                yield parts.ingest(shop, caller, given.people // 2)


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"{what} …", end=" ", flush=True)
    yield
    print(f"{time.monotonic() - started:.0f} s", flush=True)
