"""Preference scores, and what they come from: each signal's weight, what its age has left of it, and their sum.

The scores are those that the person is shown (`personalization.profiles`); the parts are what was summed up for them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.conf import settings
from django.http import HttpRequest

from leafloaf.staff.people.pages import Visit
from personalization import profiles
from personalization.profiles import Evidence, Profile
from personalization.signals import affinity
from personalization.signals.decay import DAY, Decay, Floats
from personalization.signals.marks import Signal
from personalization.signals.memory import Memory
from personalization.signals.people import Status

FEW, MOST_PARTS = 15, 8
KINDS = {"categories": "Categories", "brands": "Brands", "products": "Products"}
NAMES = {
    Signal.VIEW: "looked at",
    Signal.CLICK: "clicked",
    Signal.CART: "put into the cart",
    Signal.PURCHASE: "bought",
    Signal.REMOVED: "taken out of the cart",
    Signal.DISLIKED: "rated low",
}


@dataclass(frozen=True)
class Part:
    """One signal: weight x decay^days = amount."""

    said: str
    at: datetime
    weight: float
    decay: float
    days: float
    amount: float


@dataclass(frozen=True)
class Score:
    """A score and where it comes from: of a product its signals, of a brand or a shelf its products.

    Attributes:
        total: what the parts add up to; a score stops at 1.
        parts: those that say most; `others` of them are left out, and add up to `rest`.
    """

    name: str
    score: float
    total: float
    seen: Sequence[Evidence] = ()
    parts: Sequence[Part] = ()
    products: Sequence[tuple[str, float]] = ()
    others: int = 0
    rest: float = 0.0


@dataclass(frozen=True)
class Panel:
    """One kind of scores; `count` is how many there are."""

    kind: str
    title: str
    scores: list[Score]
    count: int

    @property
    def is_cut(self) -> bool:
        return self.count > len(self.scores)


@dataclass
class Summed:
    """What everything that is remembered says now."""

    memory: Memory
    now: float
    decay: Decay = field(default_factory=lambda: Decay.of(settings.SIGNALS))

    def __post_init__(self) -> None:
        every, place = self.memory.joined
        self.strengths: Floats = self.decay.strengths(every, self.now)
        self.totals = np.bincount(place, self.strengths, minlength=len(self.memory.products)).tolist()
        self.places = {row.product_id: number for number, row in enumerate(self.memory.products)}


def context(visit: Visit, request: HttpRequest) -> dict[str, Any]:
    person = visit.person
    if person is None or not person.is_personalized:
        return {"status": Status.OFF}
    held = profiles.remembered(person)
    profile = profiles.of_memory(person, held, visit.now, with_evidence=True)
    if profile.status != Status.OK:
        return {"status": profile.status}
    chosen = request.GET.get("kind")
    kinds = [chosen] if chosen in KINDS else list(KINDS)
    most = profiles.MOST if chosen in KINDS else FEW
    summed = Summed(held, visit.now.timestamp())
    return {
        "status": profile.status,
        "profile": profile,
        "panels": [panel(kind, profile, summed, most) for kind in kinds],
        "chosen": chosen if chosen in KINDS else "",
        "most": profiles.MOST,
        "signals": rules(),
        "told": inferred(visit, profile),
    }


def rules() -> list[tuple[str, Mapping[str, float]]]:
    """What each signal weighs, in words."""
    named = {signal.name.lower(): words for signal, words in NAMES.items()}
    return [(named.get(name, name), rule) for name, rule in settings.SIGNALS.items()]


def inferred(visit: Visit, profile: Profile) -> list[tuple[str, str, str]]:
    """(what, value, why there is none) of what needs a consent of its own."""
    allows = visit.allows
    prices = "They do not allow that prices are tracked." if not allows.price_tracking else ""
    if allows.price_tracking and not allows.purchase_history:
        prices = "They do not allow that their purchases are used."
    home = (
        ""
        if allows.household_inference
        else "They do not allow that anything is inferred about their household."
    )
    sensitivity, diets, household = profile.price_sensitivity, profile.dietary, profile.household
    told = "; ".join(
        f"{hint.about}: {'yes' if hint.value is True else hint.value} ({hint.confidence:.0%} sure; {hint.because})"
        for hint in (household.hints if household else ())
    )
    too_few = "Their purchases do not tell."
    return [
        ("Price sensitivity", "" if sensitivity is None else f"{sensitivity:.2f}", prices or too_few),
        ("Diet", ", ".join(diets or ()), home or too_few),
        ("Household", told, home or too_few),
    ]


def panel(kind: str, profile: Profile, summed: Summed, most: int) -> Panel:
    scores: Mapping[str, float] = getattr(profile, kind)
    best = list(scores.items())[:most]
    if kind == "products":
        evidence = profile.evidence or {}
        found = [of_product(sku, score, summed, evidence.get(sku, ())) for sku, score in best]
    else:
        parts = products_of(kind, summed)
        found = [of_group(name, score, parts[name]) for name, score in best]
    return Panel(kind, KINDS[kind], found, len(scores))


def of_product(sku: str, score: float, summed: Summed, seen: Sequence[Evidence]) -> Score:
    place = summed.places[sku]
    every, places = summed.memory.joined
    numbers = np.flatnonzero((places == place) & (summed.strengths != 0))
    best = numbers[np.argsort(-np.abs(summed.strengths[numbers]), kind="stable")]
    shown, left = best[:MOST_PARTS].tolist(), best[MOST_PARTS:]
    return Score(
        name=summed.memory.products[place].name or sku,
        score=score,
        total=summed.totals[place],
        seen=seen,
        parts=[part(every[number], float(summed.strengths[number]), summed) for number in shown],
        others=len(left),
        rest=float(summed.strengths[left].sum()),
    )


def part(mark: Any, amount: float, summed: Summed) -> Part:
    signal, second = Signal(int(mark["signal"])), int(mark["second"])
    return Part(
        NAMES[signal],
        datetime.fromtimestamp(second, UTC),
        float(summed.decay.weight[signal]),
        float(summed.decay.factor[signal]),
        max(summed.now - second, 0) / DAY,
        amount,
    )


def products_of(kind: str, summed: Summed) -> dict[str, list[tuple[str, float]]]:
    """The products of each brand or shelf with what they say, those that say most first."""
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row, total in zip(summed.memory.products, summed.totals, strict=True):
        brands = [row.brand] if row.brand else []
        for name in affinity.paths(row.category) if kind == "categories" else brands:
            if total:
                found[name].append((row.name or row.product_id, total))
    return {name: sorted(parts, key=lambda one: -abs(one[1])) for name, parts in found.items()}


def of_group(name: str, score: float, products: Sequence[tuple[str, float]]) -> Score:
    left = [amount for _, amount in products[MOST_PARTS:]]
    return Score(
        name=name,
        score=score,
        total=sum(amount for _, amount in products),
        products=products[:MOST_PARTS],
        others=len(left),
        rest=sum(left),
    )
