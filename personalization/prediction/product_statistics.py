"""What a product's own history says, whoever buys it; made anew from the counters each night."""

from dataclasses import dataclass, replace

import numpy as np

from personalization.prediction.counters import BRISK, Floats, Record, decayed, totals

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
    everyone: int
    """Shoppers of the shop, those who have not ordered yet among them."""

    def with_unknown(self, count: int) -> "Products":
        """The same with so many products more that only one shopper has bought, and that once."""
        if not count:
            return self
        rare = 1 / max(self.purchases.sum(), 1)
        return replace(
            self,
            purchases=np.r_[self.purchases, np.ones(count)],
            shoppers=np.r_[self.shoppers, np.ones(count)],
            rate=np.r_[self.rate, np.full(count, self.shop_rate)],
            popularity=np.r_[self.popularity, np.full(count, rare)],
            trend=np.r_[self.trend, np.zeros(count)],
        )


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
        float(len(count) / max(record.orders.sum(), 1)), len(record.orders),
    )  # fmt: skip
