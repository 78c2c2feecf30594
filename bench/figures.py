"""Figures with their spread, and tables of them."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """One figure as several rounds gave it."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, digits: int = 2) -> str:
        low, high = min(self.values), max(self.values)
        return f"{number(self.median, digits)} ({number(low, digits)}..{number(high, digits)})"


@dataclass
class Table:
    """Rows of text under a name by which the docs find it."""

    name: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def number(value: float, digits: int = 2) -> str:
    """Thousands apart when large; otherwise the digits asked for."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.{digits}f}"


def interleaved(runs: int, contenders: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """What each contender gave in each round: A B C A B C, so that a slow minute hits all of them."""
    results: dict[str, list[T]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, measure in contenders.items():
            results[name].append(measure())
    return results


def ratios(of: Iterable[float], to: Iterable[float]) -> Spread:
    """Round by round, never of two medians."""
    return Spread([value / base for value, base in zip(of, to, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
