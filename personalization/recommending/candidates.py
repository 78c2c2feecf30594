"""The products that may be recommended, each with what its sources say of it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum


class Source(StrEnum):
    """Where a recommendation comes from."""

    REORDER = "reorder"
    AFFINITY = "affinity"
    COMPLEMENTARY = "complementary"
    POPULAR = "popular"


@dataclass
class Candidate:
    """A product; its score is the chance that any of its sources is right, its source the surest of them."""

    sku: str
    score: float = 0.0
    source: Source = Source.POPULAR
    surest: float = 0.0
    reasons: list[tuple[float, str]] = field(default_factory=list)
    """With the score of the source that gives it."""
    place: int | None = None
    """Its place in the predictions."""

    def add(self, score: float, source: Source, reason: str | None = None) -> None:
        self.score = 1 - (1 - self.score) * (1 - score)
        if score > self.surest:
            self.surest, self.source = score, source
        if reason:
            self.reasons.append((score, reason))

    def told(self, most: int) -> tuple[str, ...]:
        """The reasons of the surest sources."""
        surest = sorted(self.reasons, key=lambda reason: -reason[0])
        return tuple(dict.fromkeys(reason for _, reason in surest))[:most]


@dataclass
class Pool:
    """The candidates by SKU, none of those that are kept away."""

    kept_away: Collection[str]
    found: dict[str, Candidate] = field(default_factory=dict)

    def add(
        self, sku: str, score: float, source: Source, reason: str | None = None, place: int | None = None
    ) -> None:
        """What one source says of one product; a score of 0 says nothing."""
        if sku in self.kept_away or score <= 0:
            return
        candidate = self.found.setdefault(sku, Candidate(sku))
        candidate.add(min(score, 1.0), source, reason)
        if place is not None:
            candidate.place = place

    def ranked(self) -> list[Candidate]:
        """The best first; of equals in the order of their SKUs."""
        return sorted(self.found.values(), key=rank)


def rank(candidate: Candidate) -> tuple[float, str]:
    return -candidate.score, candidate.sku
