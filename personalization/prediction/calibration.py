"""Says of a score how often such scores come true: isotonic, so that a higher score is never given less."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from personalization.prediction.counters import Floats

BINS = 100


@dataclass(frozen=True)
class Calibration:
    """Straight lines between the points."""

    score: Floats
    value: Floats

    def of(self, scores: Floats) -> Floats:
        return np.interp(scores, self.score, self.value)


def calibrated(scores: Floats, came: Floats) -> Calibration:
    """From what was predicted of others and what came of it."""
    return _rising(scores, came, lambda part: float(part.mean()))


def typical(scores: Floats, days: Floats) -> Calibration:
    """The median of what came, by what was predicted: the answer with the smallest mean error in days."""
    return _rising(scores, days, lambda part: float(np.median(part)))


def _rising(scores: Floats, values: Floats, middle: Callable[[Floats], float]) -> Calibration:
    by_score = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(by_score, min(BINS, max(len(scores) // 50, 1))) if len(part)]
    points = np.array([scores[part].mean() for part in parts])
    heights = np.array([middle(values[part]) for part in parts])
    return Calibration(points, isotonic(heights, np.array([len(part) for part in parts], float)))


def isotonic(values: Floats, weights: Floats) -> Floats:
    """The nearest values that never fall: neighbours that do are pooled."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            mean, much, many = pools.pop()
            whole = much + pool[1]
            pool = ((mean * much + pool[0] * pool[1]) / whole, whole, many + pool[2])
        pools.append(pool)
    return np.repeat([mean for mean, _, _ in pools], [many for _, _, many in pools])
