"""Recall, nDCG and personal hit ratio at ten, next-date error, AUC and calibration."""

import numpy as np

from personalization.prediction.accuracy import auc, calibration_error

__all__ = ["AT", "auc", "calibration_error", "of_basket", "spread"]

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
