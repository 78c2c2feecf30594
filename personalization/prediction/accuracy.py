"""How well probabilities tell what came."""

import numpy as np

from personalization.prediction.counters import Floats


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
