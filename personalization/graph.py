"""What is remembered of one person as a graph: entities, relationships, and patterns in time.

One graph a person. Its products, brands and shelves are the person's own view of them: nothing in it was learned from
anybody else but the day on which a product is expected to be bought again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

import numpy as np

DAY = 86_400
OFTEN = 2
"""Purchases from which something is bought frequently, and orders from which two are bought together."""
MOST_PRODUCTS, MOST_PAIRS, MOST_SHELVES = 200, 100, 10
FREQUENCIES = (
    (2, "daily"), (5, "twice a week"), (10, "weekly"), (21, "every two weeks"), (45, "monthly"),
    (75, "every two months"), (135, "quarterly"),
)  # fmt: skip
"""Cycles of up to so many days have a word; a longer one is `rarely`."""
SENSITIVITIES = ((1 / 3, "low"), (2 / 3, "medium"))


@dataclass(frozen=True)
class Product:
    """A product that the person had to do with, and each time they bought it: the second since 1970, and how many."""

    sku: str
    name: str | None
    brand: str | None
    category: str | None
    seconds: Sequence[int] = ()
    quantities: Sequence[float] = ()

    @property
    def orders(self) -> list[int]:
        return sorted(set(self.seconds))

    @property
    def cycle_days(self) -> float:
        """Days between two purchases on average, from the first to the last; half a day at least."""
        orders = self.orders
        return max((orders[-1] // DAY - orders[0] // DAY) / max(len(orders) - 1, 1), 0.5)


@dataclass(frozen=True)
class Cycle:
    """When a product is expected to be bought again, and how sure that is."""

    sku: str
    cycle_days: float
    confidence: float
    next_expected: datetime


@dataclass(frozen=True)
class Tastes:
    """What is inferred of the person, each only as far as they allow it."""

    categories: Mapping[str, float]
    brands: Mapping[str, float]
    products: Mapping[str, float]
    price_sensitivity: float | None = None
    dietary: Sequence[str] | None = None
    household: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Entity:
    entity_id: str
    entity_type: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Relationship:
    source: str
    target: str
    relationship: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class TemporalPattern:
    """`user` and `product` are named as they are in the ids of their entities, behind the colon."""

    user: str
    pattern: str
    product: str
    cycle_days: float
    confidence: float
    next_expected: date


@dataclass(frozen=True)
class Graph:
    entities: Sequence[Entity] = ()
    relationships: Sequence[Relationship] = ()
    temporal_patterns: Sequence[TemporalPattern] = ()


def drawn(
    user: str, products: Iterable[Product], tastes: Tastes, cycles: Iterable[Cycle], zone: tzinfo
) -> Graph:
    """The graph of one person, at most `MOST_PRODUCTS` products: those bought most often, then those liked most.

    Args:
        user: the pseudonym.
        zone: where the shop is, for its days.
    """
    chosen = sorted(
        products, key=lambda one: (-len(one.orders), -tastes.products.get(one.sku, 0), one.sku)
    )[:MOST_PRODUCTS]  # fmt: skip
    known = {product.sku for product in chosen}
    patterns = [
        TemporalPattern(
            user, "reorder_cycle", cycle.sku, cycle.cycle_days, cycle.confidence,
            cycle.next_expected.astimezone(zone).date(),
        )
        for cycle in cycles if cycle.sku in known
    ]  # fmt: skip
    return Graph(
        [_person(user, tastes), *map(_product, chosen), *_things(tastes)],
        [*habits(user, chosen, zone), *_preferences(user, tastes, known), *_together(chosen)],
        patterns,
    )


def frequency(cycle_days: float) -> str:
    """A cycle in a word."""
    return next((word for most, word in FREQUENCIES if cycle_days <= most), "rarely")


def _person(user: str, tastes: Tastes) -> Entity:
    preferences = {
        "dietary": tastes.dietary,
        "categories": list(tastes.categories)[:MOST_SHELVES],
        "brands": list(tastes.brands)[:MOST_SHELVES],
        "price_sensitivity": _sensitivity(tastes.price_sensitivity),
    }
    return Entity(f"user:{user}", "user", {"preferences": preferences, "household": tastes.household})


def _sensitivity(value: float | None) -> str | None:
    if value is None:
        return None
    return next((word for most, word in SENSITIVITIES if value < most), "high")


def _product(product: Product) -> Entity:
    attributes = {"name": product.name, "brand": product.brand, "category": product.category}
    return Entity(f"product:{product.sku}", "product", attributes)


def _things(tastes: Tastes) -> list[Entity]:
    kinds = (("category", tastes.categories), ("brand", tastes.brands))
    return [Entity(f"{kind}:{name}", kind, {"name": name}) for kind, names in kinds for name in names]


def habits(user: str, products: Iterable[Product], zone: tzinfo) -> list[Relationship]:
    """What the person buys again and again, and how."""
    return [
        Relationship(
            f"user:{user}",
            f"product:{product.sku}",
            "frequently_buys",
            {
                "frequency": frequency(product.cycle_days),
                "cycle_days": round(product.cycle_days, 1),
                "quantity": float(np.median(product.quantities)),
                "last_purchase": datetime.fromtimestamp(product.orders[-1], zone).date(),
            },
        )
        for product in products
        if len(product.orders) >= OFTEN
    ]


def _preferences(user: str, tastes: Tastes, known: set[str]) -> list[Relationship]:
    kinds = (
        ("category", tastes.categories),
        ("brand", tastes.brands),
        ("product", {sku: score for sku, score in tastes.products.items() if sku in known}),
    )
    return [
        Relationship(f"user:{user}", f"{kind}:{name}", "prefers", {"score": score})
        for kind, scores in kinds
        for name, score in scores.items()
    ]


def _together(products: Sequence[Product]) -> list[Relationship]:
    """Pairs of the person's own products, those in the most orders first; `share` is of the orders with either."""
    own = [product for product in products if len(product.orders) >= OFTEN]
    orders = {second: place for place, second in enumerate(sorted({s for one in own for s in one.seconds}))}
    holds = np.zeros((len(own), len(orders)), np.float32)
    for place, product in enumerate(own):
        holds[place, [orders[second] for second in product.seconds]] = 1
    both = holds @ holds.T
    first, second = np.nonzero(np.triu(both, 1) >= OFTEN)
    common, bought = both[first, second], both.diagonal()
    share = common / (bought[first] + bought[second] - common)
    best = np.lexsort((second, first, -common))[:MOST_PAIRS]
    return [
        Relationship(
            f"product:{own[one].sku}",
            f"product:{own[other].sku}",
            "bought_with",
            {"orders": int(times), "share": round(part, 4)},
        )
        for one, other, times, part in zip(
            *(column[best].tolist() for column in (first, second, common, share)), strict=True
        )
    ]
