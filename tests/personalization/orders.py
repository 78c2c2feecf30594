"""Orders in the log, and what a direct count says of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import msgspec

from capture import ingest
from personalization.models import BasketItem, BasketTable, ItemPair
from tests.calls import order

Basket = Sequence[str]


def sent(baskets: Iterable[Basket], **common: Any) -> None:
    """One order a basket, each of another anonymous shopper unless told otherwise, in one batch."""
    bodies = [event(basket, **common) for basket in baskets]
    for begin in range(0, len(bodies), 500):
        receipt = ingest.accept([msgspec.json.encode(body) for body in bodies[begin : begin + 500]])
        assert not receipt.rejected


def event(basket: Basket, **changes: Any) -> dict[str, Any]:
    items = [{"product_id": sku, "quantity": 1, "price": 2} for sku in basket]
    return order(items=items, total_value=2 * len(items)) | changes


def counted() -> tuple[int, dict[str, int], dict[tuple[str, str], int]]:
    """Baskets, products and pairs of the table that serves."""
    table = BasketTable.objects.get(state=BasketTable.State.SERVING)
    items = BasketItem.objects.filter(table=table, kind=BasketItem.Kind.PRODUCT)
    names = dict(items.values_list("id", "key"))
    rows = ItemPair.objects.filter(first_id__in=names).values_list("first_id", "second_id", "together")
    pairs = {_pair(names[one], names[other]): together for one, other, together in rows}
    return table.baskets, dict(items.values_list("key", "baskets")), pairs


def by_hand(baskets: Sequence[Basket]) -> tuple[int, dict[str, int], dict[tuple[str, str], int]]:
    """The same from the baskets themselves."""
    distinct = [sorted(set(basket)) for basket in baskets]
    products = Counter(sku for basket in distinct for sku in basket)
    return len(baskets), dict(products), dict(Counter(p for b in distinct for p in combinations(b, 2)))


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)
