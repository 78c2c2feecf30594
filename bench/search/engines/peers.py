"""The other engines over the same products, ready to be asked."""

import gc
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.search.catalogues import Product
from bench.search.engines import Engine
from bench.search.engines.embedded import Bm25s, Fts5, FuzzyTantivy, Tantivy
from bench.search.engines.postgres import AndThenOr, DjangoDefault
from bench.search.options import Options
from bench.stack import Stack


def built(stack: Stack, products: Sequence[Product], options: Options) -> list[Engine]:
    """None at all, in no time, when none of them is asked for."""
    every = made(stack.database_url, stack.folder / f"peers-{len(products)}-{time.monotonic_ns()}")
    if not any(options.wants(engine.name) for engine in every):
        return []
    timed(every, products)
    return every


def made(database_url: str, folder: Path) -> list[Engine]:
    folder.mkdir()
    tantivy = Tantivy(folder / "tantivy")
    return [
        DjangoDefault(database_url),
        AndThenOr(),
        tantivy,
        FuzzyTantivy(tantivy),
        Bm25s(),
        Fts5(folder / "fts5.sqlite"),
    ]


def timed(engines: Sequence[Engine], products: Sequence[Product]) -> Mapping[str, float]:
    """Builds them; how many seconds each took."""
    seconds = {}
    for engine in engines:
        started = time.perf_counter()
        engine.build(products)
        seconds[engine.name] = time.perf_counter() - started
    gc.collect()
    gc.freeze()  # nobody's search is to pay for sweeping another engine's index
    return seconds
