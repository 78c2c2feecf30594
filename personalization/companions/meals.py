"""Meals: three to five products of different categories, each of which is often bought with each of the others.

Grown from pairs alone, so that no meal is anybody's basket: its products may never have been bought all at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

SMALLEST, LARGEST = 3, 5
LIFT = 1.5
"""Each pair is in so many times as many baskets as chance would have it in."""
KEPT_SHARE = 0.5
"""A product joins while its weakest pair is at least so near as the weakest pair before."""
MEALS_A_PRODUCT = 5


@dataclass(frozen=True, slots=True)
class Tie:
    """Two products that go together."""

    similarity: float
    lift: float


@dataclass(frozen=True, slots=True)
class Group:
    products: tuple[str, ...]
    score: float
    """The mean similarity of its pairs."""
    lift: float
    """Of its weakest pair."""


Ties = Mapping[str, Mapping[str, Tie]]
"""For each product those it goes with, the same both ways."""


def grouped(ties: Ties, categories: Mapping[str, str | None]) -> list[Group]:
    """The meals, best first: one begun with each product, none within another, few with the same product."""
    strong = {
        product: {other: tie for other, tie in near.items() if tie.lift >= LIFT}
        for product, near in ties.items()
    }
    found = {frozenset(_grown(product, strong, categories)) for product in sorted(strong)}
    groups = [_group(members, strong) for members in found if len(members) >= SMALLEST]
    return _chosen(sorted(groups, key=lambda group: (-group.score, group.products)))


def _grown(seed: str, ties: Ties, categories: Mapping[str, str | None]) -> list[str]:
    """The seed and, one by one, what is nearest to all that are in, while it is near enough."""
    members, weakest = [seed], 0.0
    while len(members) < LARGEST:
        taken = {categories.get(member) for member in members} - {None}
        joint = {
            other: min(ties[member][other].similarity for member in members)
            for other in ties[seed]
            if other not in members
            and categories.get(other) not in taken
            and all(other in ties[member] for member in members)
        }
        if not joint:
            break
        best = min(joint, key=lambda other: (-joint[other], other))
        if joint[best] < KEPT_SHARE * weakest:
            break
        members.append(best)
        weakest = joint[best]
    return members


def _group(members: frozenset[str], ties: Ties) -> Group:
    pairs = [ties[one][other] for one, other in combinations(sorted(members), 2)]
    score = sum(tie.similarity for tie in pairs) / len(pairs)
    return Group(tuple(sorted(members)), score, min(tie.lift for tie in pairs))


def _chosen(groups: list[Group]) -> list[Group]:
    """Best first, those that neither hold a better one nor stand in it, few with the same product."""
    chosen: list[Group] = []
    of_product: dict[str, list[frozenset[str]]] = {}
    for group in groups:
        members = frozenset(group.products)
        known = [better for product in group.products for better in of_product.get(product, [])]
        if any(members < better or better < members for better in known):
            continue
        if all(len(of_product.get(product, [])) < MEALS_A_PRODUCT for product in members):
            chosen.append(group)
            for product in members:
                of_product.setdefault(product, []).append(members)
    return chosen
