"""What `python -m bench load` is told."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "load.md"
PARTS = ("run", "saturation")
PROMISED = 3.0
"""Sessions a second that docs/load.md promises for two cores."""


@dataclass(frozen=True)
class Options:
    only: tuple[str, ...]
    rate: float
    seconds: float
    steps: tuple[float, ...]
    step_seconds: float
    data: Path
    catalogue: Path | None
    write: Path | None
    json: Path | None
    variables: dict[str, str]


def parsed(arguments: list[str]) -> Options:
    parser = made()
    given = parser.parse_args(arguments)
    if not given.data:
        parser.error("Say where the data sets are, by --data or LEAFLOAF_DATA_DIR.")
    data = Path(given.data)
    return Options(
        given.only,
        given.rate,
        given.seconds,
        tuple(float(step) for step in given.steps.split(",")),
        given.step_seconds,
        data,
        given.catalogue,
        given.write,
        given.json,
        dict(one.split("=", 1) for one in given.set),
    )


def parts(text: str) -> tuple[str, ...]:
    if unknown := set(text.split(",")) - set(PARTS):
        message = f"There is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}."
        raise argparse.ArgumentTypeError(message)
    return tuple(text.split(","))


def made() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench load", description=__doc__)
    parser.add_argument("--only", type=parts, default=PARTS, help=",".join(PARTS))
    parser.add_argument("--rate", type=float, default=PROMISED, help="sessions that begin each second")
    parser.add_argument("--seconds", type=float, default=300, help="how long the run is measured")
    parser.add_argument("--steps", default="3,4,5,6,7,9", help="rates of the saturation curve")
    parser.add_argument("--step-seconds", type=float, default=10)
    parser.add_argument(
        "--data", default=os.environ.get("LEAFLOAF_DATA_DIR", ""), help="the data sets' folder"
    )
    parser.add_argument(
        "--catalogue", type=Path, help="a CSV file as `load_catalogue` takes it; else Ocado's"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a variable of the shop's"
    )
    parser.add_argument("--write", nargs="?", type=Path, const=PAGE, help=f"put the tables into {PAGE.name}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the rows of all tables, for programs")
    return parser
