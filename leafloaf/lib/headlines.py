"""What a dashboard tells the staff's overview: its state in one line, and what is wrong."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Headline:
    """A dashboard in one line: `state` picks the icon, `sentence` says it."""

    state: str
    sentence: str


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        sentence: what, in one line that names no person.
        since: since when, aware; None when nobody knows.
        remedy: what the link says: what to press, such as "Resume BigQuery".
        address: the path of the page where it is pressed.
    """

    state: Literal["unhealthy", "degraded"]
    sentence: str
    since: datetime | None
    remedy: str
    address: str
