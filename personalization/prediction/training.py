"""Learns to predict a basket from the ones before it: the shop as it stood before each shopper's last orders is asked
for what came in them. Nothing that a prediction is made from has seen what it is compared with.
"""

import numpy as np

from personalization.prediction import associations, evidence, logistic, next_basket, product_statistics
from personalization.prediction.counters import Floats, Record, order_from_end, until
from personalization.prediction.histories import Histories, Numbers
from personalization.prediction.next_basket import BasketWeights, Shop

WANTED = 8_000
"""Baskets to learn from; where shoppers are few, each gives several of its last."""
MOST = 20_000
LEAST_CAME = 200
"""Fewer examples that came true, and the closed form is the better guess."""
KEPT = 5
"""One in so many new candidates that did not come is looked at, and counts for all of them."""

Examples = tuple[Floats, Floats, Floats]
"""Features, whether it came (0 or 1), weight."""


def shop_of(histories: Histories, least_shoppers: int = 1) -> Shop:
    """The shop after the last line of the histories, its associations those of so many shoppers at least."""
    record = Record.at_once(histories)
    tables = associations.built(histories, least_shoppers)
    return Shop(record, product_statistics.measured(record), tables)


def learned(histories: Histories, least_shoppers: int = 1) -> BasketWeights | None:
    """The weights that predict each shopper's last baskets best, or none when there is too little to learn from."""
    orders = histories.orders
    if not (orders > 1).any():
        return None
    depth = _depth(orders)
    before = until(histories, depth)
    record = Record.blank(histories)
    record.add(before)
    products, tables = product_statistics.measured(record), associations.built(before, least_shoppers)
    own: list[Examples] = []
    new: list[Examples] = []
    for place in reversed(range(depth)):
        target = order_from_end(histories, place)
        _ask(Shop(record, products, tables), target, own, new)
        record.add(target)
    if (
        sum(came.sum() for _, came, _ in own) < LEAST_CAME
        or sum(came.sum() for _, came, _ in new) < LEAST_CAME
    ):
        return None
    return BasketWeights(_fitted(evidence.OWN, own), _fitted(evidence.NEW, new))


def _depth(orders: Numbers) -> int:
    """How many of the last orders are learned from."""
    enough = -(-WANTED // len(orders))
    return int(max(1, min(enough, 40, np.median(orders) // 4)))


def _ask(shop: Shop, target: Histories, own: list[Examples], new: list[Examples]) -> None:
    """Adds the examples of one order of each shopper who has others before it."""
    size = np.bincount(target.shopper, minlength=len(shop.record.orders))
    asked = np.flatnonzero((shop.record.orders > 0) & (size > 0))
    asked = asked[:: max(1, len(asked) // MOST)]
    came_true = np.sort(target.shopper * shop.record.products + target.product)
    for some in next_basket.parts(asked, shop.record.products):
        found = evidence.gathered(shop.record, shop.products, shop.tables, some)
        key = found.shopper * shop.record.products + found.product
        place = np.minimum(np.searchsorted(came_true, key), len(came_true) - 1)
        came = (came_true[place] == key).astype(float)
        weight = 1 / np.sqrt(size[found.shopper])
        own_rows = found.is_own
        features = evidence.own_features(found, shop.record, shop.products)
        own.append((features, came[own_rows], weight[own_rows]))
        is_kept = (came[~own_rows] > 0) | (key[~own_rows] % KEPT == 0)
        weight = weight * np.where(came > 0, 1, KEPT)
        features = evidence.new_features(found, shop.record, shop.products)[is_kept]
        new.append((features, came[~own_rows][is_kept], weight[~own_rows][is_kept]))


def _fitted(names: tuple[str, ...], examples: list[Examples]) -> logistic.Weights:
    features, came, weight = (np.concatenate(parts) for parts in zip(*examples, strict=True))
    return logistic.fit(names, features, came, weight)
