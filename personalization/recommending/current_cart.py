"""What lies in a person's cart, as far as their signals of a day tell: put in and not taken out or ordered since."""

import numpy as np

from personalization.signals.decay import DAY
from personalization.signals.marks import Signal
from personalization.signals.memory import Memory


def products(memory: Memory, now: float) -> list[str]:
    """The SKUs, in their order; `now` in seconds since 1970."""
    every, place = memory.joined
    ordered = every["second"][every["signal"] == Signal.PURCHASE]
    since = max(now - DAY, float(ordered[ordered <= now].max(initial=0)))
    is_cart = (every["signal"] == Signal.CART) | (every["signal"] == Signal.REMOVED)
    rows = np.flatnonzero(is_cart & (every["second"] >= since))
    rows = rows[np.argsort(every["second"][rows], kind="stable")]
    units: dict[int, int] = {}
    for product, mark in zip(place[rows].tolist(), every[rows], strict=True):
        quantity = int(mark["quantity"])
        if mark["signal"] == Signal.CART:
            units[product] = units.get(product, 0) + quantity
        else:  # without a quantity all of it is taken out
            units[product] = max(units.get(product, 0) - quantity, 0) if quantity else 0
    return [memory.products[product].product_id for product in sorted(units) if units[product] > 0]
