"""Puts a history of (user, order, product, day) where serving finds it; days count from 1970."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import numpy as np

from leafloaf.catalog.models import Product
from personalization.learning.shop_history import DAY
from personalization.models import ProductHistory, Profile
from personalization.prediction import histories
from personalization.prediction.histories import Histories
from personalization.signals import marks
from personalization.signals.marks import Signal
from privacy import subjects

Line = tuple[str, str, str, int | None]
FIRST_DAY = 20_000
"""In October 2024; rows of tests may count from 0."""


def remember(rows: Iterable[Line], quantity: int = 1, signal: Signal = Signal.PURCHASE) -> dict[str, UUID]:
    """Stores each line as a mark, a minute apart from order to order of a shopper; gives their pseudonyms."""
    lines = list(rows)
    people = subjects.resolve(user for user, *_ in lines)
    made: dict[tuple[UUID, str], list[int]] = defaultdict(list)
    orders: dict[UUID, dict[str, int]] = defaultdict(dict)
    for user, order, product, day in lines:
        known = orders[people[user]]
        second = known.setdefault(order, (FIRST_DAY + (day or 0)) * DAY + 60 * len(known))
        made[people[user], product].append(
            marks.number(signal, datetime.fromtimestamp(second, UTC), Decimal(quantity))
        )
    ProductHistory.objects.bulk_create(
        ProductHistory(subject_id=who, product_id=product, marks=np.array(numbers, ">i8").tobytes())
        for (who, product), numbers in made.items()
    )
    Profile.objects.bulk_create(Profile(subject_id=who) for who in orders)
    return people


def as_histories(rows: Iterable[Line], people: dict[str, UUID]) -> Histories:
    """The same lines in memory, as a file of them would be read."""
    return histories.arranged(
        [(str(people[user]), order, product, FIRST_DAY + (day or 0)) for user, order, product, day in rows]
    )


def catalogue(skus: Iterable[str]) -> None:
    Product.objects.bulk_create(Product(sku=sku, name=f"The {sku}") for sku in sorted(set(skus)))
