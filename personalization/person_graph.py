"""The graph of one person from what is remembered of them."""

from datetime import datetime
from itertools import pairwise

import numpy as np
from django.utils import timezone

from personalization import graph, profiles
from personalization.graph import Cycle, Graph, Product, Tastes
from personalization.profiles import Profile
from personalization.recommending import reorders
from personalization.signals.marks import HUNDREDTHS, Signal
from personalization.signals.memory import Memory
from personalization.signals.people import Person, Status

MOST_CYCLES = 100
TOLD = ("size", "has_children", "has_pets")


def of(person: Person | None, now: datetime) -> tuple[Status, Graph]:
    """The graph, and whether there is any or why not."""
    if person is None:
        return Status.NO_HISTORY, Graph()
    if not person.is_personalized:
        return Status.OFF, Graph()
    return of_memory(person, profiles.remembered(person), now)


def of_memory(person: Person, held: Memory, now: datetime) -> tuple[Status, Graph]:
    """The same from what may be used of what is remembered of them."""
    profile = profiles.of_memory(person, held, now)
    if profile.status != Status.OK:
        return profile.status, Graph()
    zone = timezone.get_default_timezone()
    return Status.OK, graph.drawn(
        str(person.subject_id), products(held), _tastes(profile), _cycles(held, now), zone
    )


def products(held: Memory) -> list[Product]:
    """Each product with every time that it was bought."""
    bought, place = held.of(Signal.PURCHASE)
    starts = np.searchsorted(place, np.arange(len(held.products) + 1)).tolist()
    seconds, quantities = bought["second"].tolist(), (bought["quantity"] / HUNDREDTHS).tolist()
    return [
        Product(row.product_id, row.name, row.brand, row.category, seconds[begin:end], quantities[begin:end])
        for row, (begin, end) in zip(held.products, pairwise(starts), strict=True)
    ]


def _tastes(profile: Profile) -> Tastes:
    household = profile.household
    return Tastes(
        profile.categories,
        profile.brands,
        profile.products,
        profile.price_sensitivity,
        profile.dietary,
        {name: getattr(household, name) for name in TOLD} if household else None,
    )


def _cycles(held: Memory, now: datetime) -> list[Cycle]:
    if not len(held.of(Signal.PURCHASE)[1]):
        return []
    return [
        Cycle(item.sku, item.cycle_days, item.confidence, item.next_expected)
        for item in reorders.of_memory(held, now, MOST_CYCLES)
    ]
