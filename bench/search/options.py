"""What `python -m bench search` is told."""

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import document

PARTS = ("relevance", "latency")
SETS = ("instacart", "ocado", "judged")
EMBEDDING = ("embed_catalogue",)
"""Commands that complete the semantic half after a load; those that exist are called."""
MOST_EMBEDDED = 60_000
"""Products; more would take the processor hours."""


@dataclass(frozen=True)
class Options:
    only: Sequence[str]
    sets: Sequence[str]
    engines: Sequence[str]
    data: Path | None
    out: Path
    worst: int
    catalogue: Path | None
    judgements: Path | None
    embedding: Sequence[str]
    queries: int
    sizes: Sequence[int]
    searches: int
    runs: int
    write: Path | None

    def wants(self, engine: str) -> bool:
        return not self.engines or any(part.lower() in engine.lower() for part in self.engines)

    def commands(self, products: int) -> Sequence[str]:
        """What is to be called after so many products were loaded."""
        return self.embedding if products <= MOST_EMBEDDED else ()


def parsed(arguments: Sequence[str]) -> Options:
    """Exits with a sentence when something does not fit."""
    made = parser()
    given = made.parse_args(arguments)
    for wanted, known in ((given.only, PARTS), (given.sets, SETS)):
        if unknown := set(wanted) - set(known):
            made.error(f"There is no {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    if (given.catalogue is None) != (given.judgements is None):
        made.error("--catalogue and --judgements belong together.")
    if given.catalogue:
        given.only = ["relevance"]
    return Options(**vars(given))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m bench search", description=__doc__)
    made.add_argument("--only", type=words, default=PARTS, help=",".join(PARTS))
    made.add_argument("--sets", type=words, default=SETS, help=",".join(SETS))
    made.add_argument("--engines", type=words, default=(), help="parts of names, such as leafloaf,tantivy")
    made.add_argument("--data", type=Path, default=data_folder(), help="real data; default LEAFLOAF_DATA_DIR")
    made.add_argument("--catalogue", type=Path, help="another catalogue CSV, asked what --judgements has")
    made.add_argument("--judgements", type=Path, help="a CSV of query,sku,grade")
    made.add_argument("--queries", type=int, default=400, help="of each query set")
    made.add_argument("--worst", type=int, default=0, help="print that many of our worst answers")
    made.add_argument("--sizes", type=numbers, default=(50_000, 1_000_000), help="products, for latency")
    made.add_argument("--searches", type=int, default=200, help="a round, for latency")
    made.add_argument("--runs", type=int, default=3, help="rounds, for latency")
    made.add_argument(
        "--embedding", type=words, default=EMBEDDING, help="commands to call after a load, if they exist"
    )
    made.add_argument(
        "--out", type=Path, default=out_folder(), help="where each answer is kept, as JSON lines"
    )
    made.add_argument(
        "--write", nargs="?", type=Path, const=document.PAGE, help=f"put the tables into {document.PAGE.name}"
    )
    return made


def words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def numbers(text: str) -> list[int]:
    return [int(word.replace("_", "")) for word in words(text)]


def data_folder() -> Path | None:
    return Path(given) if (given := os.environ.get("LEAFLOAF_DATA_DIR")) else None


def out_folder() -> Path:
    return Path(tempfile.gettempdir()) / "leafloaf-bench-search"
