"""`python -m bench [access|capture|search|…]`: measures, prints, and with `--write` updates the docs."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import document, machine
from bench.capture.clients import BadAnswer
from bench.figures import Table

PARTS = ("ingest", "drain", "wal", "lag", "away", "search", "warehouse")


def main() -> None:
    what, arguments = "capture", sys.argv[1:]
    if arguments and arguments[0] in BENCHES:
        what, *arguments = arguments
    try:
        BENCHES[what](arguments)
    except BadAnswer as error:  # else the log of the application has it, which never says what was answered
        sys.exit(f"A server did not answer as it should: {error}")


def search(arguments: list[str]) -> None:
    from bench.search import options, run  # what they need is nothing to the other

    given = measured(options.parsed(arguments), run.measure, "search-machine")
    print(f"Answers are in {given.out}")


def personalization(arguments: list[str]) -> None:
    from bench.personalization import options, run

    measured(options.parsed(arguments), run.measure, "personalization-machine")


def privacy(arguments: list[str]) -> None:
    from bench.privacy import options, run

    measured(options.parsed(arguments), run.measure, "erasure-machine")


def load(arguments: list[str]) -> None:
    from bench.load import options, run

    measured(options.parsed(arguments), run.measure, "load-machine")


def capacity(arguments: list[str]) -> None:
    from bench.capacity import options, run

    measured(options.parsed(arguments), run.measure, "capacity-machine")


def measured(given: Any, measure: Callable[[Any], list[Table]], machine_block: str) -> Any:
    """Says what it ran on and how long it took, and writes the tables where that was asked for."""
    started = time.monotonic()
    ran_on = machine.description()
    print(ran_on, flush=True)
    tables = measure(given)
    print(f"\nTook {time.monotonic() - started:.0f} s, load now {machine.load()}.")
    if given.write:
        write(given.write, ran_on, tables, machine_block)
    return given


def access(arguments: list[str]) -> None:
    made = argparse.ArgumentParser(prog="python -m bench access")
    made.add_argument("--requests", type=int, default=500, help="of each kind in a round")
    made.add_argument("--runs", type=int, default=3, help="rounds; figures are their medians")
    made.add_argument("--write", nargs="?", type=Path, const=document.PAGE)
    given = made.parse_args(arguments)
    from bench import access as limits

    ran_on = machine.description()
    print(ran_on, flush=True)
    tables = limits.measure(given.requests, given.runs)
    if given.write:
        write(given.write, ran_on, tables, "limits-machine")


def capture(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    unknown = set(options.only) - set(PARTS)
    if unknown:
        raise SystemExit(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    from bench import capture  # reads the settings, for which it sets the environment first

    started = time.monotonic()
    ran_on = machine.description()
    print(ran_on, flush=True)
    tables = capture.measure(options.only, capture.Sizes(options.events, options.runs, options.full))
    print(f"\nTook {time.monotonic() - started:.0f} s, load now {machine.load()}.")
    if options.write:
        write(options.write, ran_on, tables, "machine")


def write(path: Path, ran_on: str, tables: list[Table], machine_block: str) -> None:
    blocks = {table.name: document.rendered(table) for table in tables}
    document.write(path, blocks | {machine_block: f"Last run: {ran_on}."})
    print(f"Wrote {len(tables)} tables into {path}.")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m bench capture", description=__doc__)
    made.add_argument("--only", type=lambda text: text.split(","), default=PARTS, help=",".join(PARTS))
    made.add_argument("--events", type=int, default=20_000, help="events a measurement, where it is fast")
    made.add_argument("--runs", type=int, default=5, help="rounds; figures are their medians")
    made.add_argument("--full", action="store_true", help="logs of 1 and 5 million events too")
    made.add_argument(
        "--write", nargs="?", type=Path, const=document.PAGE, help=f"put the tables into {document.PAGE.name}"
    )
    return made


BENCHES = {
    "access": access,
    "capacity": capacity,
    "capture": capture,
    "load": load,
    "search": search,
    "personalization": personalization,
    "privacy": privacy,
}

main()
