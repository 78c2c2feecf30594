"""What a product's own history says, whoever buys it; made anew from the counters each night."""

from dataclasses import dataclass

import numpy as np

from personalization.counters import BRISK, Floats, Record, decayed, totals

PRIOR = 20
"""Exposures at which a rebuy rate of a product or a shopper weighs as much as the shop's."""


@dataclass(frozen=True)
class Products:
    """One value a product."""

    purchases: Floats
    shoppers: Floats
    rate: Floats
    """Of the orders after somebody first bought it, the share with it in them, shrunk towards the shop's."""
    popularity: Floats
    """Its share of all purchases."""
    trend: Floats
    """Its share of the shoppers' recent orders."""
    shop_rate: float
    shop_new: float
    """Products new to the shopper, an order."""


def measured(record: Record) -> Products:
    """The statistics at the moment of the record."""
    held = record.counters.count > 0
    count, product = record.counters.count[held], record.product[held]
    orders = record.orders[record.shopper[held]]
    exposures = orders - 1 - record.counters.first[held]
    fresh = decayed(record.counters.brisk[held], BRISK, orders - 1 - record.counters.last[held])
    shop_rate = float((count - 1).sum() / max(exposures.sum(), 1))
    shop_rate = min(max(shop_rate, 1e-4), 1 - 1e-4)

    def summed(values: Floats) -> Floats:
        return totals(product, values, record.products)

    purchases, trend = summed(count), summed(fresh)
    weight = ((1 - BRISK**record.orders) / (1 - BRISK)).sum()
    rate = (summed(count - 1) + PRIOR * shop_rate) / (summed(exposures) + PRIOR)
    return Products(
        purchases, np.bincount(product, minlength=record.products).astype(float), rate,
        purchases / max(purchases.sum(), 1), trend / max(weight, 1), shop_rate,
        float(len(count) / max(record.orders.sum(), 1)),
    )  # fmt: skip
