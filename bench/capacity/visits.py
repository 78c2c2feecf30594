"""What one session of a shop's visitors asks for, as docs/load.md measured it with real sessions."""

import csv
import gzip
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.load.options import PAGE
from bench.load.sessions import FILE

BUSIEST_HOUR = 0.123
"""Of a day's sessions. In the seven days of the YooChoose sample the busiest hour had 7.1 % to 12.3 % of them."""
DAY, HOUR = len("2014-04-01"), len("2014-04-01T00")
ROUTES = ("suggest", "product", "complements", "recommendations", "search", "events")


@dataclass(frozen=True)
class Session:
    """`requests` by route, and the events that are accepted, those of searches among them."""

    requests: Mapping[str, float]
    events: float

    @property
    def sent(self) -> float:
        """Events that come by `POST /events`; a search is an event too, and comes with its search."""
        return self.events - self.requests["search"]


def session(page: Path = PAGE) -> Session:
    """By the tables of the page, whatever rate they were measured at."""
    text = page.read_text()
    summary = {row[0]: row[1:] for row in rows(text, "load-summary")}
    rate = number(summary["sessions that begin a second"][0])
    by_route = {row[0]: number(row[2]) / rate for row in rows(text, "load-routes") if row[0] in ROUTES}
    return Session(by_route, number(summary["events accepted a second"][0]) / rate)


def busy(page: Path = PAGE) -> tuple[float, dict[str, float]]:
    """The rate of sessions of that run, and what share of a core each process used: to compare with."""
    text = page.read_text()
    summary = {row[0]: row[1:] for row in rows(text, "load-summary")}
    shares = {row[0]: number(row[1].removesuffix("%")) / 100 for row in rows(text, "load-processors")[1:]}
    return number(summary["sessions that begin a second"][0]), shares


def busiest_hour(data: Path) -> float:
    """The largest share that one hour had of the sessions of its UTC day, in the YooChoose sample.

    Of the last day it holds a moment only, which is left out.
    """
    begun: dict[str, str] = {}
    with gzip.open(data / FILE, "rt", newline="") as file:
        for row in csv.DictReader(file):
            begun[row["session_id"]] = min(row["ts"], begun.get(row["session_id"], row["ts"]))
    days, hours = (Counter(moment[:length] for moment in begun.values()) for length in (DAY, HOUR))
    whole = {day for day, sessions in days.items() if sessions > len(begun) / 100}
    return max(count / days[hour[:DAY]] for hour, count in hours.items() if hour[:DAY] in whole)


def rows(text: str, block: str) -> list[list[str]]:
    """The cells of a table between its markers, without the rule under its head."""
    inside = text.partition(f"<!-- begin {block} -->")[2].partition(f"<!-- end {block} -->")[0]
    lines = [line.strip() for line in inside.splitlines() if line.startswith("|")]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in found if set("".join(row)) != {"-"}]


def number(text: str) -> float:
    return float(text.replace(",", "").strip())
