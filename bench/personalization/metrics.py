"""Recall, nDCG and personal hit ratio at ten, next-date error, AUC and calibration."""

import numpy as np

from personalization.counters import Floats

AT = 10
DISCOUNT = 1 / np.log2(np.arange(2, AT + 2))


def of_basket(items: list[int], wanted: set[int]) -> tuple[float, float, float]:
    """(recall, nDCG, hit) of one ranking."""
    hits = np.array([item in wanted for item in items[:AT]] + [False] * (AT - len(items[:AT])))
    ideal = DISCOUNT[: min(AT, len(wanted))].sum()
    return hits.sum() / len(wanted), float(hits @ DISCOUNT / ideal), float(hits.any())


def spread(folds: list[float], digits: int = 3) -> str:
    """The mean of the folds, with the smallest and the largest."""
    return f"{np.mean(folds):.{digits}f} ({min(folds):.{digits}f}..{max(folds):.{digits}f})"


def auc(scores: Floats, came: np.ndarray) -> float:
    """How often one that came is scored above one that did not; a tie is half."""
    _, place, size = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[place]
    yes = int(came.sum())
    return float((rank[came].sum() - yes * (yes + 1) / 2) / max(yes * (len(came) - yes), 1))


def calibration_error(chance: Floats, came: np.ndarray) -> float:
    """Predicted minus true share, absolute, in ten bins of equal size."""
    bins = np.array_split(np.argsort(chance, kind="stable"), 10)
    gaps = [len(part) * abs(chance[part].mean() - came[part].mean()) for part in bins if len(part)]
    return float(sum(gaps) / len(chance))
