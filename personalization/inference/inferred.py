"""What is inferred of one person beside their likings, each only for who allows it.

Worked out whenever it is asked for and stored nowhere, so nothing of it is left once its feature is off.
"""

from datetime import datetime

import numpy as np

from personalization.inference import diet, household, shelves, spending
from personalization.inference.diet import Diet, Purchases
from personalization.inference.household import Bought, Hint
from personalization.prediction.histories import Numbers
from personalization.signals import marks
from personalization.signals.marks import HUNDREDTHS, Marks, Signal
from personalization.signals.memory import Memory
from personalization.signals.people import Person


def diets(person: Person | None, memory: Memory) -> list[Diet]:
    """The diets they keep, by name."""
    if person is None or not person.infers_household:
        return []
    _, place = _purchases(person, memory)
    if len(place) < diet.LEAST_PURCHASES:
        return []
    bought = zip(memory.products, np.bincount(place, minlength=len(memory.products)).tolist(), strict=True)
    return diet.inferred(
        [Purchases(times, row.category, row.dietary) for row, times in bought if times and row.name],
        shelves.labels(),
    )


def household_hints(person: Person | None, memory: Memory, now: datetime) -> list[Hint]:
    """How many they may be, with children or pets."""
    if person is None or not person.infers_household:
        return []
    every, place = _purchases(person, memory)
    lines = [
        Bought(second, quantity / HUNDREDTHS, memory.products[row].category)
        for second, quantity, row in zip(
            every["second"].tolist(), every["quantity"].tolist(), place.tolist(), strict=True
        )
    ]
    return household.hints(lines, now.timestamp())


def price_sensitivity(person: Person | None, memory: Memory) -> float | None:
    """0 for who buys the dearest of each shelf, 1 for who buys the cheapest."""
    if person is None or not (person.tracks_prices and person.keeps_purchases):
        return None
    paid = [
        (row.category, price / HUNDREDTHS)
        for row in memory.products
        if row.category
        for price in marks.paid(row.paid)["price"].tolist()
    ]
    if len(paid) < spending.LEAST_PURCHASES:
        return None
    return spending.sensitivity(paid, shelves.prices({shelf for shelf, _ in paid}))


def _purchases(person: Person, memory: Memory) -> tuple[Marks, Numbers]:
    """What they bought, if that may be looked at."""
    every, place = memory.of(Signal.PURCHASE)
    return (every, place) if person.keeps_purchases else (every[:0], place[:0])
