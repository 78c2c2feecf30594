"""Which decay of a purchase serves a re-rank best: where what a shopper then bought stood among its like.

For each product of a shopper's last basket the products of its kind are put in order, as a search for that kind would:
by popularity, by the preference score before popularity, and by popularity re-ranked within its bounds.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.figures import Table
from bench.personalization import sets
from bench.personalization.metrics import spread
from personalization.prediction.counters import Floats, order_from_end, until
from personalization.prediction.histories import Histories, Numbers
from personalization.recommending import rerank
from personalization.recommending.rerank import Candidate

PAGE, CANDIDATES = 20, 60
LEAST = 5
"""A kind of fewer products needs no order."""
KIND = 40
"""Products of a kind where the set names none: a product and those most often bought by the same shoppers."""


@dataclass(frozen=True)
class Decay:
    """What a purchase still says after some days, and how the sum becomes a score."""

    name: str
    daily: float
    days: float
    score: Callable[[Floats], Floats]


def capped(sums: Floats) -> Floats:
    return np.minimum(sums, 1.0)


def saturated(sums: Floats) -> Floats:
    return 1 - np.exp(-sums)


DECAYS = (
    Decay("founding: 0.85 a day, 180 days, the sum stops at 1", 0.85, 180, capped),
    Decay("0.85 a day, 180 days, 1 - exp(-s)", 0.85, 180, saturated),
    Decay("0.99 a day, 180 days, the sum stops at 1", 0.99, 180, capped),
    Decay("**lasting**: 0.99 a day, 180 days, 1 - exp(-s)", 0.99, 180, saturated),
    Decay("0.99 a day, 365 days, 1 - exp(-s)", 0.99, 365, saturated),
)


def measure(data: Path) -> Iterator[Table]:
    for name in ("coop", "bigbasket"):
        whole = sets.read(name, data)
        if whole is None or not whole.is_dated:
            print(f"decay {name}: skipped, it is not in the folder of real data.")
            continue
        yield table(name, whole, kinds(name, whole, data))


def kinds(name: str, whole: Histories, data: Path) -> Mapping[int, Sequence[int]]:
    """For each product the products of its kind, itself among them."""
    if name != "bigbasket":
        return alike(until(whole, 1))
    with (data / "bigbasket_orders" / "catalogue.csv").open(newline="") as file:
        category = {row["sku"]: row["category"] for row in csv.DictReader(file)}
    on_shelf: dict[str, list[int]] = {}
    for number, sku in enumerate(whole.products):
        on_shelf.setdefault(category.get(sku, sku), []).append(number)
    return {number: some for some in on_shelf.values() for number in some}


def alike(past: Histories) -> dict[int, list[int]]:
    holders = np.zeros((len(past.shoppers), len(past.products)), np.float32)
    holders[past.shopper, past.product] = 1
    common, size = holders.T @ holders, holders.sum(0)
    likeness = common / (np.sqrt(np.outer(size, size)) + 10)
    np.fill_diagonal(likeness, np.inf)
    nearest = np.argpartition(-likeness, KIND, axis=1)[:, :KIND]
    return {product: some.tolist() for product, some in enumerate(nearest)}


def table(name: str, whole: Histories, kind: Mapping[int, Sequence[int]]) -> Table:
    made = Table(
        f"decay {name}",
        [
            "score",
            "MRR by preference",
            "new to the shopper left out",
            "MRR, re-ranked in bounds",
            "without new",
        ],
    )
    past, last = until(whole, 1), order_from_end(whole, 0)
    popular = np.bincount(past.product, minlength=len(past.products)).astype(float)
    questions = asked(last, kind)
    baskets = own(past)
    rows = {"no personalization": None} | {decay.name: decay for decay in DECAYS}
    for label, decay in rows.items():
        made.rows.append([label, *measured(questions, baskets, kind, popular, decay)])
    made.notes.append(
        f"{len(questions):,} products of last baskets of {len(set(last.shopper.tolist())):,} shoppers."
    )
    return made


Question = tuple[int, int, int]
"""A shopper, the day of their last order, and a product of it."""


def asked(last: Histories, kind: Mapping[int, Sequence[int]]) -> list[Question]:
    lines = zip(last.shopper.tolist(), last.day.tolist(), last.product.tolist(), strict=True)
    return [(shopper, day, product) for shopper, day, product in lines if len(kind[product]) >= LEAST]


def own(past: Histories) -> dict[int, tuple[Numbers, Numbers]]:
    """What each shopper bought, and when."""
    starts = np.searchsorted(past.shopper, np.arange(len(past.shoppers) + 1))
    return {
        shopper: (past.product[begin:end], past.day[begin:end])
        for shopper, (begin, end) in enumerate(pairwise(starts.tolist()))
    }


def measured(
    questions: Sequence[Question],
    baskets: Mapping[int, tuple[Numbers, Numbers]],
    kind: Mapping[int, Sequence[int]],
    popular: Floats,
    decay: Decay | None,
) -> list[str]:
    """The mean of five folds, with the smallest and the largest, of all questions and of those about own products."""
    found: list[tuple[int, bool, float, float]] = []
    liked: Floats = np.zeros(0)
    before = -1
    for shopper, day, product in questions:
        items, days = baskets[shopper]
        if shopper != before:
            liked, before = likings(items, day - days, decay, len(popular)), shopper
        some = np.array(kind[product])
        is_own = bool((items == product).any())
        places = ranks(some, liked, popular, product)
        found.append((sets.fold(shopper), is_own, *places))
    return [
        spread([mean(found, fold, column, only) for fold in range(5)])
        for column in (2, 3)
        for only in (False, True)
    ]


def mean(found: Sequence[tuple[int, bool, float, float]], fold: int, column: int, only_own: bool) -> float:
    return float(np.mean([one[column] for one in found if one[0] == fold and (one[1] or not only_own)]))


def likings(items: Numbers, age: Numbers, decay: Decay | None, products: int) -> Floats:
    if decay is None:
        return np.zeros(products)
    strength = np.where(age <= decay.days, decay.daily ** age.astype(float), 0.0)
    return decay.score(np.bincount(items, strength, minlength=products))


def ranks(some: Numbers, liked: Floats, popular: Floats, product: int) -> tuple[float, float]:
    """One through the place of the product: by preference, and re-ranked."""
    by_popularity = some[np.lexsort((some, -popular[some]))]
    by_liking = by_popularity[np.argsort(-liked[by_popularity], kind="stable")]
    listed = by_popularity[:CANDIDATES].tolist()
    best = max(popular[listed[0]], 1.0)
    candidates = [Candidate(float(popular[one] / best), float(liked[one])) for one in listed]
    shown = [listed[place] for place in rerank.order(candidates, PAGE)]
    reranked = 1 / (shown.index(product) + 1) if product in shown else 0.0
    return 1 / (int(np.flatnonzero(by_liking == product)[0]) + 1), reranked
