"""What `python -m bench personalization` is told."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.search.options import data_folder, words

PARTS = ("baskets", "reorders", "complements", "serving", "learning", "latency", "decay")
SETS = ("tafeng", "coop", "bigbasket", "coop in time")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "predictions.md"


@dataclass(frozen=True)
class Options:
    only: Sequence[str]
    sets: Sequence[str]
    data: Path | None
    write: Path | None


def parsed(arguments: Sequence[str]) -> Options:
    """Exits with a sentence when something does not fit."""
    made = argparse.ArgumentParser(prog="python -m bench personalization", description=__doc__)
    made.add_argument("--only", type=words, default=PARTS, help=",".join(PARTS))
    made.add_argument("--sets", type=words, default=SETS, help=",".join(SETS))
    made.add_argument("--data", type=Path, default=data_folder(), help="real data; default LEAFLOAF_DATA_DIR")
    made.add_argument("--write", nargs="?", type=Path, const=PAGE, help=f"put the tables into {PAGE.name}")
    given = Options(**vars(made.parse_args(arguments)))
    for wanted, known in ((given.only, PARTS), (given.sets, SETS)):
        if unknown := set(wanted) - set(known):
            made.error(f"There is no {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    if given.data is None:
        made.error("Neither --data nor LEAFLOAF_DATA_DIR names a folder of real data.")
    return given
