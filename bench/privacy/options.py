"""What `python -m bench privacy` is told."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.search.options import words

PARTS = ("bigquery", "exports", "one", "many", "ingest")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Options:
    events: int
    people: int
    warehoused: int
    only: Sequence[str]
    write: Path | None


def parsed(arguments: Sequence[str]) -> Options:
    """Exits with a sentence when something does not fit."""
    made = argparse.ArgumentParser(prog="python -m bench privacy", description=__doc__)
    made.add_argument("--events", type=int, default=1_000_000, help="in the log, Redis and Cloud Storage")
    made.add_argument("--warehoused", type=int, default=2, help="days of the month that BigQuery has too")
    made.add_argument("--people", type=int, default=40, help="erased one after another; half as many at once")
    made.add_argument("--only", type=words, default=PARTS, help=",".join(PARTS))
    made.add_argument("--write", nargs="?", type=Path, const=PAGE, help=f"put the tables into {PAGE.name}")
    given = Options(**vars(made.parse_args(arguments)))
    if unknown := set(given.only) - set(PARTS):
        made.error(f"There is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    return given
