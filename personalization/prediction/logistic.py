"""A weighted logistic regression by Newton's method, small enough to be fitted each night."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalization.prediction.counters import Floats

PENALTY = 20.0
STEPS = 20
CERTAIN = 30.0


@dataclass(frozen=True)
class Weights:
    """A sum of named terms; each is told beside what is usual, so that it explains itself."""

    names: tuple[str, ...]
    intercept: float
    weights: Floats
    usual: Floats

    def scores(self, features: Floats) -> Floats:
        return np.asarray(self.intercept + (features - self.usual) @ self.weights)

    def terms(self, features: Floats) -> dict[str, float]:
        """What each feature of one row adds to its score."""
        parts = (features - self.usual) * self.weights
        return dict(zip(self.names, parts.tolist(), strict=True))


def probability(scores: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -CERTAIN, CERTAIN))))


def log_odds(share: Floats) -> Floats:
    kept = np.clip(share, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(kept / (1 - kept)))


def fit(names: Sequence[str], features: Floats, came: Floats, weight: Floats | None = None) -> Weights:
    """The weights under which what came is likeliest, shrunk a little towards none."""
    counted = np.ones(len(came)) if weight is None else weight
    usual, spread = features.mean(0), features.std(0)
    spread = np.where(spread > 1e-9, spread, np.inf)
    known = np.column_stack((np.ones(len(came)), (features - usual) / spread))
    penalty = np.r_[1e-6, np.full(features.shape[1], PENALTY)]
    found = np.zeros(known.shape[1])
    found[0] = log_odds(np.array([counted @ came / max(counted.sum(), 1e-9)]))[0]
    found = _newton(known, came, counted, penalty, found)
    return Weights(tuple(names), float(found[0]), found[1:] / spread, usual)


def _newton(known: Floats, came: Floats, weight: Floats, penalty: Floats, start: Floats) -> Floats:
    found, loss = start, _loss(known, came, weight, penalty, start)
    for _ in range(STEPS):
        expected = probability(known @ found)
        slope = known.T @ (weight * (came - expected)) - penalty * found
        curve = (known * (weight * expected * (1 - expected))[:, None]).T @ known + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        while (better := _loss(known, came, weight, penalty, found + step)) > loss and np.abs(
            step
        ).max() > 1e-6:
            step /= 2
        if better > loss:
            break
        gained, loss, found = loss - better, better, found + step
        if gained < 1e-6 * abs(loss):
            break
    return found


def _loss(known: Floats, came: Floats, weight: Floats, penalty: Floats, found: Floats) -> float:
    scores = known @ found
    return float(weight @ (np.logaddexp(0, scores) - came * scores) + (penalty * found) @ found / 2)
