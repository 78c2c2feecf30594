"""One table for each set and part."""

from collections.abc import Iterator
from pathlib import Path

from bench import document
from bench.figures import Table
from bench.personalization import baskets, companions, decays, latency, learning, reorders, serving, sets
from bench.personalization.options import Options


def measure(given: Options) -> list[Table]:
    """Prints the tables as they come."""
    assert given.data is not None
    tables = []
    for table in _tables(given, given.data):
        print(f"\n{table.name}\n{document.rendered(table)}\n", flush=True)
        tables.append(table)
    return tables


def _tables(given: Options, data: Path) -> Iterator[Table]:
    for cut in sets.cuts(list(given.sets), data):
        if "baskets" in given.only:
            yield baskets.measure(cut)
        if "complements" in given.only:
            yield companions.measure(cut)
    if "reorders" in given.only:
        yield from reorders.measure(data)
    if "serving" in given.only:
        yield from serving.measure()
    if "learning" in given.only:
        yield from learning.measure(data)
    if "latency" in given.only:
        yield from latency.measure()
    if "decay" in given.only:
        yield from decays.measure(data)
