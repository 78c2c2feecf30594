"""The day of the next purchase, asked on five days of the last year of Coop."""

from pathlib import Path

import numpy as np

from bench.figures import Table
from bench.personalization import metrics, sets
from personalization.prediction import reorder, reorder_training
from personalization.prediction.counters import Floats
from personalization.prediction.histories import Histories
from personalization.prediction.reorder import Reorders

BACK = (365, 330, 290, 250, 185)
"""Days before the end of the history."""
HORIZONS = (90, 180)
"""Days in which a purchase must come for its date to be compared."""


def measure(data: Path) -> list[Table]:
    whole = sets.read("coop", data)
    if whole is None:
        return []
    columns = (
        "method",
        "error of the next day, MAE, come within 90",
        "within 180",
        "past days",
        "AUC(7 days)",
        "calibration error 7",
        "30",
        "confidence",
    )
    table = Table("reorders", columns)
    figures: dict[str, list[tuple[float, ...]]] = {}
    for back in BACK:
        day = int(whole.day.max()) - back
        weights = reorder_training.learned(whole, day)
        for name, chosen in (("plain cycle", None), ("**LeafLoaf**, learned", weights)):
            found = reorder.expected(whole, day, chosen)
            figures.setdefault(name, []).append(_figures(found, took(whole, found, day), day))
            if chosen is None:
                figures.setdefault("last + mean gap, 1 - CV", []).append(_as_written(whole, found, day))
    for name, rows in figures.items():
        table.rows.append((name, *(metrics.spread(list(values)) for values in zip(*rows, strict=True))))
    table.notes.append("Pairs with two purchases or more, all of them, on five days; the errors are in days.")
    return [table]


def took(whole: Histories, found: Reorders, day: int) -> Floats:
    """Days until the next purchase; inf where there was none."""
    products = len(whole.products)
    future = whole.only(whole.day > day)
    first = np.full(len(whole.shoppers) * products, np.inf)
    np.minimum.at(first, future.shopper * products + future.product, (future.day - day).astype(float))
    return np.asarray(first[found.shopper * products + found.product])


def _figures(found: Reorders, came: Floats, day: int) -> tuple[float, ...]:
    wait = (found.next_expected - day).astype(float)
    return (
        *(float(np.abs(wait - came)[came <= days].mean()) for days in HORIZONS), float((wait < 0).mean()),
        metrics.auc(found.within[7], came <= 7), metrics.calibration_error(found.within[7], came <= 7),
        metrics.calibration_error(found.within[30], came <= 30),
        metrics.calibration_error(found.confidence, came <= wait),
    )  # fmt: skip


def _as_written(whole: Histories, found: Reorders, day: int) -> tuple[float, ...]:
    """The last purchase and the mean gap; one minus the coefficient of variation as confidence, and as chance."""
    record = reorder.remembered(whole, day)
    rows = np.flatnonzero(record.counters.count >= 2)
    gap = found.cycle_days
    spread = np.sqrt(
        np.maximum(record.counters.gap_squares[rows] / (record.counters.count[rows] - 1) - gap**2, 0)
    )
    chance = np.clip(1 - spread / gap, 0, 1)
    wait = np.rint(found.last_purchase + gap - day)
    plain = Reorders(
        found.shopper, found.product, gap, found.last_purchase, (day + wait).astype(np.int64), chance,
        {7: chance, 14: chance, 30: chance},
    )  # fmt: skip
    return _figures(plain, took(whole, found, day), day)
