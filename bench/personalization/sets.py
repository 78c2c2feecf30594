"""The real histories, each cut into what is known and what is to be predicted."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personalization.prediction import histories
from personalization.prediction.counters import order_from_end, until
from personalization.prediction.histories import Histories

YEAR = 365


@dataclass(frozen=True)
class Cut:
    """`wanted` has for each shopper the basket that is to be told from `past`."""

    name: str
    past: Histories
    wanted: dict[int, set[int]]


def cuts(names: list[str], data: Path) -> Iterator[Cut]:
    """The sets of these names that the folder has."""
    for name in names:
        whole = read(name.partition(" ")[0], data)
        if whole is None:
            print(f"{name}: skipped, it is not in the folder of real data.")
        elif name.endswith("in time"):
            yield in_time(name, whole)
        else:
            yield last_basket(name, whole)


def read(name: str, data: Path) -> Histories | None:
    if name == "bigbasket":
        folder = data / "bigbasket_orders"
        return bigbasket(folder) if folder.exists() else None
    path = data / name / "orders.csv.gz"
    return histories.read(path)[0] if path.exists() else None


def bigbasket(folder: Path) -> Histories:
    with (folder / "orders.csv").open(newline="") as file:
        orders = {
            row["order_id"]: (row["user_id"], histories.day_number(row["ordered_at"]))
            for row in csv.DictReader(file)
        }
    with (folder / "items.csv").open(newline="") as file:
        lines = [(row["order_id"], row["product_id"]) for row in csv.DictReader(file)]
    return histories.arranged([(orders[order][0], order, item, orders[order][1]) for order, item in lines])


def last_basket(name: str, whole: Histories) -> Cut:
    return Cut(name, until(whole, 1), baskets(order_from_end(whole, 0)))


def in_time(name: str, whole: Histories) -> Cut:
    """The year before the end is the future of everybody: each shopper's first basket in it is to be told."""
    is_past = whole.day <= whole.day.max() - YEAR
    past, future = whole.only(is_past), whole.only(~is_past)
    following = past.orders
    return Cut(name, past, baskets(future.only(future.order == following[future.shopper])))


def baskets(lines: Histories) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for shopper, product in zip(lines.shopper.tolist(), lines.product.tolist(), strict=True):
        found.setdefault(shopper, set()).add(product)
    return found


def fold(shopper: int) -> int:
    """Which of five folds a shopper is in."""
    return int(np.uint64(shopper) * np.uint64(2654435761) >> np.uint64(7)) % 5
