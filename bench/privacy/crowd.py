"""A month of a shop: people with 50 to 500 events each, whose visits overlap, so that they share every batch."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from typing import Any
from uuid import uuid4

from bench.capture import samples
from bench.personalization import crowd

DAYS = 30
FEWEST, MOST = 50, 500
AVERAGE = 195.4
"""Of numbers between the two whose logarithm is even: (500 - 50) / ln(500 / 50)."""
VISITS_AT_ONCE = 60
LONGEST_VISIT = 15
ANONYMOUS_VISITS, ANONYMOUS_START = 0.2, 0.4
"""Visits of nobody; and of the others, those whose first events come before signing in."""
CONTENTS = 5_000


class Shelf(samples.Samples):
    """The usual contents, with products of the catalogue."""

    def product(self) -> str:
        return crowd.sku(self.random.randrange(crowd.PRODUCTS))


@dataclass
class Visit:
    """What is left of somebody's way through the shop; `unknown` events come before they sign in."""

    user_id: str | None
    session_id: str
    left: int
    unknown: int


class Crowd:
    """The people of a log of so many events, or a part of their visits; the same seed gives the same visits."""

    def __init__(self, events: int, seed: int = 1) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.users = [f"user_{number}" for number in range(max(100, round(events / AVERAGE)))]
        steady = random.Random(0)  # noqa: S311
        sizes = [FEWEST * (MOST / FEWEST) ** steady.random() for _ in self.users]
        self.weights: Sequence[float] = list(accumulate(sizes))
        self.contents = [content(event) for event in Shelf(seed).events(CONTENTS)]
        self.visits = [self.visit() for _ in range(VISITS_AT_ONCE)]

    def visit(self) -> Visit:
        [user] = self.random.choices(self.users, cum_weights=self.weights)
        length = self.random.randint(3, LONGEST_VISIT)
        if self.random.random() < ANONYMOUS_VISITS:
            return Visit(None, str(uuid4()), length, length)
        unknown = 2 if self.random.random() < ANONYMOUS_START else 0
        return Visit(user, str(uuid4()), length, unknown)

    def events(self, moment: datetime) -> Iterator[dict[str, Any]]:
        """For ever; what happens at that moment, visit by visit as chance has it."""
        timestamp = moment.isoformat()
        while True:
            place = self.random.randrange(VISITS_AT_ONCE)
            visit = self.visits[place]
            event = self.random.choice(self.contents) | {
                "event_id": str(uuid4()),
                "timestamp": timestamp,
                "session_id": visit.session_id,
            }
            if visit.unknown > 0:
                visit.unknown -= 1
            else:
                event["user_id"] = visit.user_id
            visit.left -= 1
            if not visit.left:
                self.visits[place] = self.visit()
            yield event

    def batch(self, moment: datetime, size: int) -> list[dict[str, Any]]:
        return list(islice(self.events(moment), size))


def content(event: dict[str, Any]) -> dict[str, Any]:
    """Without whose it is, and when."""
    left_out = ("event_id", "timestamp", "session_id", "user_id")
    return {name: value for name, value in event.items() if name not in left_out}


def days() -> list[datetime]:
    """The beginnings of the last days, the oldest first; today's is a while ago, whatever the hour."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
