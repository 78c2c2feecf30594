"""How far a mean over queries might have come out otherwise, had other queries been drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
SEED = 1


@dataclass(frozen=True)
class Interval:
    median: float
    low: float
    high: float

    def text(self, digits: int = 3) -> str:
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}..{self.high:.{digits}f})"


def means(values: Sequence[float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """The mean of each resample; the same queries are drawn for every engine, so that two can be compared."""
    draws = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = np.asarray(values)[draws].mean(axis=1)
    return found


def interval(values: Sequence[float]) -> Interval:
    return of(means(values))


def ratio(values: Sequence[float], base: Sequence[float]) -> Interval:
    """Of two means over the same queries."""
    below = means(base)
    return of(np.divide(means(values), below, out=np.zeros_like(below), where=below > 0))


def of(resampled: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Interval:
    low, median, high = np.quantile(resampled, (0.025, 0.5, 0.975))
    return Interval(float(median), float(low), float(high))
