"""What `python -m bench capacity` is told."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.search.options import words

PAGE = Path(__file__).resolve().parents[2] / "docs" / "capacity.md"
PARTS = (
    "requests",
    "ingest",
    "outbox",
    "counting",
    "retention",
    "erasure",
    "replica",
    "workers",
    "commits",
    "processes",
)
SIZES = "10000,100000,1000000"


@dataclass(frozen=True)
class Options:
    only: Sequence[str]
    sizes: tuple[int, ...]
    runs: int
    requests: int
    events: int
    idle_seconds: float
    data: Path | None
    catalogue: Path | None
    is_semantic: bool
    figures: Path | None
    write: Path | None


def parsed(arguments: Sequence[str]) -> Options:
    """Exits with a sentence when something does not fit."""
    made = parser()
    given = made.parse_args(arguments)
    if unknown := set(given.only) - set(PARTS):
        made.error(f"There is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    sizes = tuple(sorted(int(size) for size in given.sizes.split(",")))
    return Options(
        given.only,
        sizes,
        given.runs,
        given.requests,
        given.events,
        given.idle_seconds,
        Path(given.data) if given.data else None,
        given.catalogue,
        given.semantic == "true",
        given.figures,
        given.write,
    )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m bench capacity", description=__doc__)
    made.add_argument("--only", type=words, default=PARTS, help=",".join(PARTS))
    made.add_argument("--sizes", default=SIZES, help="events in the log before anything is measured")
    made.add_argument("--runs", type=int, default=5, help="rounds; figures are their medians")
    made.add_argument("--requests", type=int, default=100, help="of each kind in a round")
    made.add_argument("--events", type=int, default=3000, help="sent 100 a request in a round")
    made.add_argument("--idle-seconds", type=float, default=15, help="how long a quiet shop is watched")
    made.add_argument(
        "--data",
        default=os.environ.get("LEAFLOAF_DATA_DIR", ""),
        help="the data sets' folder, for Ocado's catalogue",
    )
    made.add_argument(
        "--catalogue", type=Path, help="a CSV file as `load_catalogue` takes it; else Ocado's, or the demo's"
    )
    made.add_argument("--semantic", choices=["true", "false"], default="true", help="search by meaning too")
    made.add_argument(
        "--figures",
        type=Path,
        metavar="FILE",
        help="keeps what was measured, and adds to what it held (JSON)",
    )
    made.add_argument("--write", nargs="?", type=Path, const=PAGE, help=f"put the tables into {PAGE.name}")
    return made
