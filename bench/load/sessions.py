"""Real sessions of a shop's visitors (YooChoose): how long they are, the gaps in them, the gaps between them.

Sessions arrive as they did, only faster: all gaps between two arrivals are divided by one number. Inside a session
nothing is compressed: its clicks keep their real gaps. So that a run of minutes sees sessions of hours as a shop does,
it begins in the middle: with those that are under way.
"""

import csv
import gzip
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FILE = Path("yoochoose") / "clicks.csv.gz"
LONGEST_SECONDS = 7200.0
"""Of the few sessions that last longer the rest is left out."""
NIGHT_SECONDS = 300.0
"""A longer gap between two arrivals is a night, and left out: a shop has to hold its days."""


@dataclass(frozen=True)
class Click:
    seconds: float
    """Since the session's first."""
    item: str


@dataclass(frozen=True)
class Session:
    number: int
    starts_at: float
    """Seconds since the measuring began; most of those under way then began before."""
    clicks: tuple[Click, ...]


@dataclass(frozen=True)
class Recorded:
    """What the file holds: the clicks of each session, in the order of arrival, and the gaps between arrivals."""

    sessions: tuple[tuple[Click, ...], ...]
    gaps: tuple[float, ...]

    @property
    def mean_gap(self) -> float:
        return sum(self.gaps) / len(self.gaps)

    def arriving(self, sessions_per_second: float, until: float) -> Iterator[Session]:
        """From two hours before the measuring on; when the file ends it begins again, with new numbers."""
        faster = sessions_per_second * self.mean_gap
        at = -LONGEST_SECONDS
        pairs = zip(itertools.cycle(self.sessions), itertools.cycle(self.gaps), strict=False)
        for number, (clicks, gap) in enumerate(pairs):
            if at >= until:
                return
            yield Session(number, at, clicks)
            at += gap / faster


def read(folder: Path) -> Recorded:
    by_session: dict[str, list[tuple[float, str]]] = {}
    with gzip.open(folder / FILE, "rt", newline="") as file:
        for row in csv.DictReader(file):
            by_session.setdefault(row["session_id"], []).append((moment(row["ts"]), row["item_id"]))
    return recorded(list(by_session.values()))


def recorded(found: list[list[tuple[float, str]]]) -> Recorded:
    ordered = sorted(sorted(clicks) for clicks in found)
    starts = [clicks[0][0] for clicks in ordered]
    gaps = tuple(gap for one, other in itertools.pairwise(starts) if (gap := other - one) < NIGHT_SECONDS)
    return Recorded(tuple(since_first(clicks) for clicks in ordered), gaps)


def since_first(clicks: list[tuple[float, str]]) -> tuple[Click, ...]:
    first = clicks[0][0]
    return tuple(Click(at - first, item) for at, item in clicks if at - first <= LONGEST_SECONDS)


def moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
