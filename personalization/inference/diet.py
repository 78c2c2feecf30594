"""Which diets a person keeps, told from what they buy, and which products those diets rule out.

A label says something of a product without it only where the catalogue labels its like: on its shelf, on a shelf above
that, up to its department. So bread without `gluten-free` is ruled out by the gluten-free loaves of the bakery, and a
banana is not, for no fruit is labelled. What is vegan or vegetarian is labelled everywhere or nowhere: there the whole
shop is looked at too, or steak would pass because no meat is vegan.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from personalization.signals.affinity import paths

LEAST_PURCHASES = 5
"""Purchases that have to speak for or against a diet before it is told."""
LEAST_SHARE = 0.9
"""Of those, how many have to carry the label."""
LEAST_LABELLED = 0.05
"""A label that fewer products of a shelf carry says nothing of the others."""
MOST_LABELLED = 0.8
"""A label that more products of a shelf carry is no choice of the person's."""
SHOP = ""
"""The shelf that all others are on."""
WHOLE = frozenset({"vegan", "vegetarian"})
NO_DIETS = frozenset({"organic", "fair-trade", "local", "non-gmo"})
"""Labels that some people prefer, but that rule nothing out."""
IMPLIED = {"vegan": ("vegetarian", "lactose-free", "dairy-free", "egg-free")}


class Product(Protocol):
    """What the catalogue says of a product."""

    @property
    def category(self) -> str | None: ...
    @property
    def dietary(self) -> Collection[str]: ...


@dataclass(frozen=True)
class Purchases:
    """How often a person bought one product, and what the catalogue says of it."""

    times: int
    category: str | None
    labels: Collection[str]


@dataclass(frozen=True)
class Diet:
    """A diet, and what speaks for it: so many of the purchases that could tell carry the label."""

    label: str
    labelled: int
    counted: int

    @property
    def confidence(self) -> float:
        """The share one would expect of further purchases (Laplace's rule), so never certain."""
        return (self.labelled + 1) / (self.counted + 2)


@dataclass(frozen=True)
class Shelves:
    """How a catalogue is labelled."""

    shares: Mapping[tuple[str, str], float]
    """Of each shelf and label that some product on it carries, the share of the shelf's products that do."""
    _told: dict[str | None, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)

    def choices(self, category: str | None) -> frozenset[str]:
        """The labels that who buys there could as well have done without."""
        return self._of(category)[0]

    def needed(self, category: str | None) -> frozenset[str]:
        """The labels without which a product there is none for who keeps the diet."""
        return self._of(category)[1]

    def _of(self, category: str | None) -> tuple[frozenset[str], frozenset[str]]:
        """Worked out once a category: a request asks for hundreds."""
        if (told := self._told.get(category)) is None:
            near = set(paths(category) or [SHOP])
            shares = [
                (shelf, label, share)
                for (shelf, label), share in self.shares.items()
                if share >= LEAST_LABELLED
            ]
            told = self._told[category] = (
                frozenset(
                    label for shelf, label, share in shares if shelf in near and share <= MOST_LABELLED
                ),
                frozenset(
                    label for shelf, label, _ in shares if shelf in near or (shelf == SHOP and label in WHOLE)
                ),
            )
        return told


def shelves(products: Iterable[tuple[str | None, Iterable[str], int]]) -> Shelves:
    """From each category and labels the number of products that have both."""
    on_shelf: dict[str, int] = {}
    labelled: dict[tuple[str, str], int] = {}
    for category, dietary, count in products:
        labels = labels_of(dietary)
        for shelf in [*paths(category), SHOP]:
            on_shelf[shelf] = on_shelf.get(shelf, 0) + count
            for label in labels:
                labelled[shelf, label] = labelled.get((shelf, label), 0) + count
    return Shelves({key: number / on_shelf[key[0]] for key, number in labelled.items()})


def labels_of(dietary: Iterable[str]) -> frozenset[str]:
    """The labels of a product, however they are written (`Gluten Free`), with those that they imply."""
    return _labels_of(tuple(dietary))


@lru_cache(maxsize=4096)
def _labels_of(dietary: tuple[str, ...]) -> frozenset[str]:
    told = {"-".join(label.lower().replace("-", " ").replace("_", " ").split()) for label in dietary}
    return frozenset(told.union(*(IMPLIED.get(label, ()) for label in told)))


def inferred(purchases: Iterable[Purchases], known: Shelves) -> list[Diet]:
    """The diets that a person keeps, by name."""
    labelled: Counter[str] = Counter()
    against: Counter[str] = Counter()
    for one in purchases:
        labels = labels_of(one.labels)
        for label in known.choices(one.category) & labels:
            labelled[label] += one.times
        for label in known.needed(one.category) - labels:
            against[label] += one.times
    found = [Diet(label, times, times + against[label]) for label, times in sorted(labelled.items())]
    return [
        one
        for one in found
        if one.label not in NO_DIETS
        and one.counted >= LEAST_PURCHASES
        and one.labelled >= LEAST_SHARE * one.counted
    ]


def suits(diets: Collection[str], known: Shelves, product: Product) -> bool:
    """Whether a product is ruled out by none of the diets."""
    needed = known.needed(product.category).intersection(diets)
    return needed <= labels_of(product.dietary)
