"""One search: what was understood of the query, the page the catalogue has for it, and what the log keeps of both."""

import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec
from django.utils import timezone

from capture import events
from leafloaf.catalog import faceting
from leafloaf.catalog import search as catalogue
from leafloaf.storefront import intent
from personalization import profiles
from personalization.recommending import personal_order
from personalization.signals.people import Person

ABOUT_PRODUCTS = intent.SEARCHES | intent.TO_THE_ORDER | {"recipe"}
"""Who asks for anything else ("where is my order") is shown products only if they have all the words."""
CANDIDATES = 60
"""How many of the best results are put in order for a person: three pages of the usual length."""


@dataclass(frozen=True)
class Request:
    """A valid search. `filters_given` is what the caller wrote, as the event keeps it."""

    query: str
    user_id: str | None
    session_id: str | None
    filters: catalogue.Filters
    filters_given: dict[str, Any]
    sort: catalogue.Sort
    limit: int
    offset: int
    alpha: float | None
    explain: bool
    recommendations: bool = True
    is_personal: bool = True
    """Whether what is known of the user may be used for this answer."""


@dataclass(frozen=True)
class Relaxed:
    """What was given up to have results: words that not all of them have, filters understood but not kept."""

    dropped: tuple[str, ...]
    full: int
    filters: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A page, the filters understood in the query that it keeps, and those it could not.

    `reasons` are those of the person that it was put in order for, by SKU; None when it was for anybody.
    """

    page: catalogue.Page
    applied: dict[str, Any]
    given_up: tuple[str, ...] = ()
    reasons: dict[str, list[str]] | None = None
    personalization_ms: float = 0.0


class Facts(msgspec.Struct, frozen=True):
    """What the log keeps of a page and its intent."""

    intent: str
    confidence: float
    results_count: int
    alpha: float
    semantic: str
    categories: list[str]
    result_skus: list[str]
    suppliers: list[str]


def find(request: Request, meant: intent.Intent) -> Found:
    """What was understood is kept as a filter, and its words taken out of the query.

    When that finds nothing, a price is given up before a diet: what somebody must not eat matters more than what it
    costs. Without the diet its words are looked for instead, and at last all that was written.
    """
    found = Found(searched(request, meant.search_words, meant.filters), meant.filters)
    for kept in fewer(meant.filters):
        if found.page.total:
            break
        given_up = tuple(name for name in meant.filters if name not in kept)
        found = Found(searched(request, words_for(request, meant, kept), kept), kept, given_up)
    if not found.page.total and meant.search_words != request.query and not meant.filters:
        found = Found(searched(request, request.query, {}), {})
    if meant.name not in ABOUT_PRODUCTS and found.page.relaxed:
        return replace(
            found, page=replace(found.page, results=[], total=0, facets=faceting.none(), relaxed=None)
        )
    return found


def find_for(request: Request, meant: intent.Intent, person: Person) -> Found:
    """The same results in the order for one person, when it is theirs to choose: the best `CANDIDATES` by relevance.

    What comes after those, and an order that was asked for, is as it is for anybody.
    """
    if request.sort != catalogue.Sort.RELEVANCE or request.offset >= CANDIDATES:
        return find(request, meant)
    end = request.offset + request.limit
    found = find(replace(request, limit=max(CANDIDATES, end), offset=0), meant)
    started, hits = time.perf_counter(), found.page.results
    remembered = profiles.remembered(person)
    order = personal_order.ordered(hits[:CANDIDATES], remembered, timezone.localtime(), request.limit)
    places = [*(order.places if order else range(len(hits[:CANDIDATES]))), *range(CANDIDATES, len(hits))]
    shown = [
        replace(hits[place], position=position)
        for position, place in enumerate(places, 1)
        if request.offset < position <= end
    ]
    return replace(
        found,
        page=replace(found.page, results=shown),
        reasons=order.reasons if order else None,
        personalization_ms=round((time.perf_counter() - started) * 1000, 1),
    )


def fewer(understood: dict[str, Any]) -> list[dict[str, Any]]:
    """What may be kept of the filters understood, in turn, when all of them together find nothing."""
    diet = {name: value for name, value in understood.items() if name == "dietary"}
    price = {name: value for name, value in understood.items() if name != "dietary"}
    return [kept for kept in (diet, price) if kept and kept != understood] + ([{}] if understood else [])


def words_for(request: Request, meant: intent.Intent, kept: dict[str, Any]) -> str:
    """The words to look for, with those of a diet that is no filter any more."""
    if not kept:
        return request.query
    if "dietary" in kept or "dietary" not in meant.filters:
        return meant.search_words
    return " ".join([*meant.filters["dietary"], meant.search_words])


def searched(request: Request, words: str, understood: dict[str, Any]) -> catalogue.Page:
    return catalogue.search(
        words,
        filters=narrowed(request.filters, understood),
        sort=request.sort,
        limit=request.limit,
        offset=request.offset,
        alpha=request.alpha,
        explain=request.explain,
        typed=request.query,
    )


def narrowed(asked: catalogue.Filters, understood: dict[str, Any]) -> catalogue.Filters:
    """Both must hold."""
    lows = [low for low in (asked.price_min, understood.get("price_min")) if low is not None]
    highs = [high for high in (asked.price_max, understood.get("price_max")) if high is not None]
    return replace(
        asked,
        said=understood.get("dietary", []),
        price_min=max(map(Decimal, map(str, lows)), default=None),
        price_max=min(map(Decimal, map(str, highs)), default=None),
    )


def relaxed(found: Found) -> Relaxed | None:
    words = found.page.relaxed
    if words is None and not found.given_up:
        return None
    dropped, full = (words.dropped, words.full) if words else ((), found.page.total)
    return Relaxed(dropped, full, found.given_up)


def facts_of(found: Found, meant: intent.Intent) -> Facts:
    page = found.page
    return Facts(
        intent=meant.name,
        confidence=meant.confidence,
        results_count=page.total,
        alpha=page.alpha,
        semantic=page.semantic,
        categories=distinct(hit.category for hit in page.results),
        result_skus=[hit.sku for hit in page.results],
        suppliers=distinct(hit.supplier for hit in page.results),
    )


def event_of(request: Request, search_id: str, facts: Facts, found_in: float) -> events.Search:
    """The search as the log keeps it; `found_in` is how long the page took, in milliseconds."""
    return events.Search(
        event_id=search_id,
        search_id=search_id,
        user_id=request.user_id,
        session_id=request.session_id,
        query=request.query,
        intent=facts.intent,
        confidence=facts.confidence,
        results_count=facts.results_count,
        response_time_ms=found_in,
        alpha=facts.alpha,
        categories=facts.categories,
        result_skus=facts.result_skus,
        suppliers=facts.suppliers,
        filters=request.filters_given or None,
    )


def distinct(names: Any) -> list[str]:
    """The names in order of first appearance, each once, blanks left out."""
    return list(dict.fromkeys(name[:256] for name in names if name))
