"""What is inferred of one person, as it is shown to them: worked out when it is asked for, each part by its consent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from django.conf import settings

from leafloaf.lib import statements
from personalization.inference import inferred
from personalization.inference.household import Hint
from personalization.signals import marks, memory
from personalization.signals.decay import DAY, Decay
from personalization.signals.marks import Signal
from personalization.signals.memory import Memory
from personalization.signals.people import Person, Status

MOST = 100
"""Of each kind, the best."""
DIGITS = 4
UPDATED = "SELECT updated_at FROM personalization_profile WHERE subject_id = %s"


@dataclass(frozen=True)
class Household:
    """What purchases hint of a household; None is what they do not tell."""

    size: int | None
    has_children: bool | None
    has_pets: bool | None
    hints: list[Hint]
    """Each with how sure it is, and what it was told from."""


@dataclass(frozen=True)
class Evidence:
    """How often one signal was given that still counts, and when it was last."""

    signal: str
    count: int
    last: datetime


@dataclass(frozen=True)
class Profile:
    """Scores from 0 to 1, the highest first. None is what the person does not let be inferred, or too little tells."""

    status: Status
    categories: Mapping[str, float]
    brands: Mapping[str, float]
    products: Mapping[str, float]
    price_sensitivity: float | None = None
    dietary: list[str] | None = None
    household: Household | None = None
    last_updated: datetime | None = None
    evidence: Mapping[str, list[Evidence]] | None = None
    """For each product with a score, the signals behind it; None unless asked for."""


OFF = Profile(Status.OFF, {}, {}, {})
NO_HISTORY = Profile(Status.NO_HISTORY, {}, {}, {})
"""Of who was never seen, and of who was and has nothing remembered: the two are not told apart."""


def remembered(person: Person | None) -> Memory:
    """What may be used of a person: without their purchases if they do not want them used."""
    held = memory.read(person)
    return held if person is None else allowed(person, held)


def allowed(person: Person, held: Memory) -> Memory:
    """What the person lets be used of what is held of them."""
    if person.keeps_purchases:
        return held
    rows = (msgspec.structs.replace(row, marks=_but_purchases(row.marks), paid=b"") for row in held.products)
    return Memory([row for row in rows if row.marks])


def of(person: Person | None, now: datetime, with_evidence: bool = False) -> Profile:
    """The profile of a person; nobody's is that of who has no history."""
    if person is not None and not person.is_personalized:
        return OFF
    return of_memory(person, remembered(person), now, with_evidence)


def of_memory(person: Person | None, held: Memory, now: datetime, with_evidence: bool = False) -> Profile:
    """The same from what `remembered` gave."""
    if person is None or not held.products:
        return NO_HISTORY
    affinities = held.affinities(now.timestamp())
    products = best(affinities.products)
    sensitivity = inferred.price_sensitivity(person, held)
    return Profile(
        Status.OK,
        best(affinities.categories),
        best(affinities.brands),
        products,
        None if sensitivity is None else round(sensitivity, DIGITS),
        [diet.label for diet in inferred.diets(person, held)] if person.infers_household else None,
        household(inferred.household_hints(person, held, now)) if person.infers_household else None,
        _updated(person.subject_id),
        evidence(held, products, now) if with_evidence else None,
    )


def best(scores: Mapping[str, float], most: int = MOST) -> dict[str, float]:
    """The highest, rounded, ties by name; without those that are rounded to nothing."""
    rounded = ((name, round(score, DIGITS)) for name, score in scores.items())
    chosen = sorted(rounded, key=lambda one: (-one[1], one[0]))[:most]
    return {name: score for name, score in chosen if score > 0}


def household(hints: list[Hint]) -> Household:
    told: dict[str, Any] = {hint.about: hint.value for hint in hints}
    return Household(told.get("size"), told.get("children"), told.get("pets"), hints)


def evidence(held: Memory, products: Mapping[str, float], now: datetime) -> dict[str, list[Evidence]]:
    """The signals behind each score, of those that are remembered still."""
    days = Decay.of(settings.SIGNALS).days
    found = {}
    for row in held.products:
        if row.product_id in products:
            every = marks.marks(row.marks)
            age = now.timestamp() - every["second"].astype(np.float64)
            every = every[age <= days[every["signal"]] * DAY]
            found[row.product_id] = [
                Evidence(
                    Signal(signal).name.lower(),
                    len(seconds := every["second"][every["signal"] == signal]),
                    datetime.fromtimestamp(int(seconds.max()), UTC),
                )
                for signal in np.unique(every["signal"]).tolist()
            ]
    return {sku: found[sku] for sku in products}


def _but_purchases(packed: bytes) -> bytes:
    every = marks.marks(packed)
    return bytes(every[every["signal"] != Signal.PURCHASE].tobytes())


def _updated(subject_id: UUID) -> datetime | None:
    rows = statements.fetch(UPDATED, [subject_id])
    return rows[0][0] if rows else None
