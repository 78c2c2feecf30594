"""What to show one person: what they buy again, what would suit them, what goes with the cart, what is popular.

Invariants:
* Nothing is shown that is out of stock or not in the catalogue, in the cart, dismissed, disliked, or ruled out by a
  diet that the person lets be inferred; whatever source it comes from.
* Who allows no personalization is shown what anybody is shown, but for what they dismissed.
* The same memory, shop and moment give the same list.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import uuid6
from django.utils import timezone

from personalization import profiles
from personalization.aggregation import popularity
from personalization.companions import baskets
from personalization.inference import diet, inferred, shelves
from personalization.learning import learned
from personalization.learning.learned import Learned
from personalization.recommending import (
    current_cart,
    deadline,
    dismissals,
    diversity,
    mishaps,
    on_sale,
    predictions,
)
from personalization.recommending.candidates import Candidate, Pool, Source, rank
from personalization.recommending.deadline import Deadline, TooLate
from personalization.recommending.on_sale import Listing
from personalization.recommending.predictions import Predictions
from personalization.signals.affinity import Affinities
from personalization.signals.memory import Memory
from personalization.signals.people import Person, Status

COMPLEMENT, INTEREST, LIKED, POPULAR = 0.5, 0.3, 0.5, 0.02
"""What the surest complement, the product looked at most, the most liked shelf and the most popular product score,
where a product that is sure to be bought again scores 1."""
LIKING = 0.05
"""From so much liking on, a popular product is shown because of it, and says so."""
COMPLEMENTS, MOST_CART = 40, 100
POPULARS, RECENT_DAYS, USUAL_DAYS = 80, 7, 28
LIKELIEST = 100
"""So many of the predictions are candidates, and two more for each product that is asked for."""
SPARE = 20
"""So many more than are asked for are looked up in the catalogue and put in order, for some to be left out."""
MOST_REASONS = 2


@dataclass(frozen=True, slots=True)
class Item:
    """One product; its score is from 0 to 1."""

    sku: str
    score: float
    reasons: tuple[str, ...]
    source: Source
    listing: Listing


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A list, best first; its `model_version` is empty before anything was learned."""

    items: list[Item]
    list_id: str
    model_version: str
    status: Status


@dataclass(frozen=True)
class Known:
    """What is known when a list is made."""

    memory: Memory
    affinities: Affinities
    cart: Collection[str]
    kept_away: Collection[str]
    suits: Callable[[Listing], bool]
    """Whether the person's diets allow a product."""


def for_person(
    person: Person | None,
    now: datetime,
    limit: int,
    in_cart: Collection[str] = (),
    leave_out: Collection[str] = (),
    until: Deadline = deadline.NONE,
) -> Recommendations:
    """A list for somebody, or for nobody known.

    Raises:
        TooLate: it is not done by the deadline, if there is one.
    """
    until.check()
    shop = learned.current()
    status, known = _known(person, now, in_cart, leave_out, until)
    pool = Pool(known.kept_away)
    predicted = _add_personal(pool, known, shop, limit, until) if known.memory.products else None
    _add_complements(pool, known, until)
    _add_popular(pool, until)
    _add_from_shelves(pool, limit, until)
    chosen = _chosen(pool, known, limit, until)
    zone = timezone.get_default_timezone()
    for candidate, _ in chosen:
        if predicted and candidate.place is not None:
            chance = predicted.chances[candidate.place]
            candidate.reasons += [(chance, why) for why in predicted.reasons(candidate.place, zone)]
    until.check()
    return Recommendations(
        [_item(candidate, listing) for candidate, listing in chosen],
        str(uuid6.uuid7()),
        str(shop.version or ""),
        status,
    )


def within(
    seconds: float,
    person: Person | None,
    now: datetime,
    limit: int,
    in_cart: Collection[str] = (),
    leave_out: Collection[str] = (),
) -> tuple[Recommendations | None, Status]:
    """A list if it can be had in that time; its lateness is counted."""
    try:
        with deadline.within(seconds) as until:
            found = for_person(person, now, limit, in_cart, leave_out, until)
            return found, found.status
    except TooLate:
        mishaps.note(mishaps.TIMEOUT)
        return None, Status.TIMEOUT


def _known(
    person: Person | None,
    now: datetime,
    in_cart: Collection[str],
    leave_out: Collection[str],
    until: Deadline,
) -> tuple[Status, Known]:
    is_off = person is not None and not person.is_personalized
    until.check()
    held = profiles.remembered(person)
    status = Status.OFF if is_off else Status.OK if held.products else Status.NO_HISTORY
    until.check()
    dismissed = dismissals.of(person.subject_id) if person else set()
    until.check()
    suits = _suiting(person, held)
    affinities = held.affinities(now.timestamp())
    cart = [] if is_off else list(dict.fromkeys([*in_cart, *current_cart.products(held, now.timestamp())]))
    kept_away = {*cart, *in_cart, *leave_out, *dismissed, *affinities.disliked}
    return status, Known(
        held, affinities, [sku for sku in cart if "\0" not in sku][:MOST_CART], kept_away, suits
    )


def _suiting(person: Person | None, held: Memory) -> Callable[[Listing], bool]:
    kept = [one.label for one in inferred.diets(person, held)]
    if not kept:
        return lambda listing: True
    known = shelves.labels()
    return partial(diet.suits, kept, known)


def _add_personal(pool: Pool, known: Known, shop: Learned, limit: int, until: Deadline) -> Predictions | None:
    until.check()
    predicted = predictions.of(known.memory, shop)
    own: set[str] = set()
    if predicted:
        for place, sku in enumerate(predicted.skus[: LIKELIEST + 2 * limit]):
            source = Source.REORDER if predicted.is_own[place] else Source.AFFINITY
            pool.add(sku, predicted.chances[place], source, place=place)
        own = {sku for sku, is_own in zip(predicted.skus, predicted.is_own, strict=True) if is_own}
    for sku, liking in known.affinities.products.items():
        if sku not in own:
            pool.add(sku, INTEREST * liking, Source.AFFINITY, "You showed an interest in this")
    return predicted


def _add_complements(pool: Pool, known: Known, until: Deadline) -> None:
    if known.cart:
        until.check()
        for one in baskets.complements_of(list(known.cart), COMPLEMENTS, known.kept_away):
            pool.add(one.sku, COMPLEMENT * min(one.score, 1.0), Source.COMPLEMENTARY, one.reason)


def _add_popular(pool: Pool, until: Deadline) -> None:
    until.check()
    recent = popularity.popular(POPULARS, RECENT_DAYS)
    _add_ranked(pool, recent, POPULAR, "Popular this week")
    if len(recent) < POPULARS:
        until.check()
        usual = [sku for sku in popularity.popular(POPULARS, USUAL_DAYS) if sku not in set(recent)]
        _add_ranked(pool, usual, POPULAR / 2, "Popular this month")


def _add_from_shelves(pool: Pool, limit: int, until: Deadline) -> None:
    """Fills a list that would be too short, as all are in a shop where nobody has done anything yet."""
    if len(pool.found) < limit + SPARE:
        until.check()
        others = [sku for sku in shelves.some_of_each() if sku not in pool.found]
        _add_ranked(pool, others, POPULAR / 4, "From our shelves")


def _add_ranked(pool: Pool, skus: list[str], most: float, reason: str) -> None:
    """From `most` for the first down to half of it."""
    for place, sku in enumerate(skus):
        pool.add(sku, most * (1 - place / len(skus) / 2), Source.POPULAR, reason)


def _chosen(pool: Pool, known: Known, limit: int, until: Deadline) -> list[tuple[Candidate, Listing]]:
    """Those to show, in their order."""
    found: list[tuple[Candidate, Listing]] = []
    for some in _in_turns(pool.ranked(), limit):
        until.check()
        listings = on_sale.listings([candidate.sku for candidate in some])
        for candidate in some:
            listing = listings.get(candidate.sku)
            if listing and known.suits(listing):
                _add_liking(candidate, listing, known.affinities)
                found.append((candidate, listing))
        if len(found) >= limit + SPARE // 2:
            break
    found.sort(key=lambda one: rank(one[0]))
    kinds = [
        diversity.Candidate(listing.category, candidate.source == Source.COMPLEMENTARY)
        for candidate, listing in found
    ]
    return [found[place] for place in diversity.arranged(kinds, limit)]


def _in_turns(ranked: list[Candidate], limit: int) -> Iterator[list[Candidate]]:
    """As many at a time as may do, with the first of them as many complements as a list keeps places for."""
    size = limit + SPARE
    places = limit // diversity.EVERY
    kept = [one for one in ranked[size:] if one.source == Source.COMPLEMENTARY][:places]
    yield ranked[:size] + kept
    others = [one for one in ranked[size:] if one not in kept]
    for begin in range(0, len(others), size):
        yield others[begin : begin + size]


def _add_liking(candidate: Candidate, listing: Listing, affinities: Affinities) -> None:
    """What is popular is nearer to who likes its brand or its shelf."""
    if candidate.source != Source.POPULAR:
        return
    liking = affinities.liking(listing.sku, listing.brand, listing.category)
    if liking >= LIKING:
        is_brand = affinities.brands.get(listing.brand or "", 0) > 0
        what = listing.brand if is_brand else (listing.category or "").rpartition(" > ")[2]
        candidate.add(LIKED * liking, Source.AFFINITY, f"You like {what}")


def _item(candidate: Candidate, listing: Listing) -> Item:
    return Item(candidate.sku, candidate.score, candidate.told(MOST_REASONS), candidate.source, listing)
