"""A query becomes a page of products. Knows the catalogue and nothing of people.

Plan, the two legs, page: each is a module of its own; docs/search.md tells the whole way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from django.conf import settings

from leafloaf.catalog import (
    browse,
    explaining,
    faceting,
    highlight,
    legs,
    merchandising,
    plan,
    products,
    replica,
)
from leafloaf.catalog.deadline import SearchTimeout, within
from leafloaf.catalog.explaining import Explanation
from leafloaf.catalog.faceting import Facet
from leafloaf.catalog.filters import Filters
from leafloaf.catalog.keyword import Matches, Sort
from leafloaf.catalog.legs import Found
from leafloaf.catalog.merchandising import DEPTH, Placed, Rule
from leafloaf.catalog.plan import Plan

__all__ = ["Facet", "Filters", "Hit", "Page", "Relaxed", "SearchTimeout", "Sort", "search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(products.Listing):
    """A product found; `score` is relative to the best of the whole match, `position` counts from 1.

    `rules` are the merchandising rules that touched it, by name; one that `is_pinned` keeps its position.
    """

    product_id: int
    score: float
    position: int
    highlights: Sequence[highlight.Range] = ()
    explanation: Explanation | None = None
    rules: tuple[str, ...] = ()
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class Relaxed:
    """What was given up to have results: words that not all of them have; `full` of them have every word."""

    dropped: tuple[str, ...]
    full: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`alpha` is the one in effect; `semantic` is used, off (not asked for) or absent (no weights, no vectors).

    In a large shop a page may be `is_estimated`: its total is that of the last count, at night, and its facets are of
    that count, or of the best products alone when the query is one very common word.
    """

    results: list[Hit] = field(default_factory=list)
    total: int = 0
    facets: faceting.Facets = field(default_factory=faceting.none)
    corrected_query: str | None = None
    relaxed: Relaxed | None = None
    alpha: float = 0.0
    semantic: str = "off"
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as it was asked for."""

    query: str
    filters: Filters
    sort: Sort
    limit: int
    offset: int
    alpha: float
    explain: bool
    typed: str = ""
    rules: Sequence[Rule] = ()


def search(
    query: str = "",
    *,
    filters: Filters | None = None,
    sort: Sort = Sort.RELEVANCE,
    limit: int = 20,
    offset: int = 0,
    alpha: float | None = None,
    explain: bool = False,
    typed: str = "",
) -> Page:
    """The page of products that `query` finds; no text of a query is an error.

    `typed` is the query in the shopper's own words, when `query` is what was understood of them.

    Raises:
        SearchTimeout: it took longer than a search may.
    """
    weight = settings.SEARCH_ALPHA if alpha is None else alpha
    asked = Asked(query, filters or Filters(), sort, limit, offset, weight, explain, typed)
    return replica.read(partial(_page, asked))


def _page(asked: Asked) -> Page:
    with within(settings.SEARCH_TIMEOUT_SECONDS):
        if asked.sort is Sort.RELEVANCE:
            asked = replace(asked, rules=merchandising.met(asked.query, asked.filters, typed=asked.typed))
        if not asked.query.strip():
            return _browsed(asked)
        planned = plan.make(asked.query)
        if not planned.groups:
            return Page()  # asked for something that no name can hold, such as "???"
        return _found(asked, planned)


def _browsed(asked: Asked) -> Page:
    limit = DEPTH if asked.rules else asked.offset + asked.limit
    matches = browse.run(asked.filters, asked.sort, limit=limit)
    found = Placed(matches.ids, dict.fromkeys(matches.ids, 1.0))
    hits = _hits(asked, merchandising.placed(asked.rules, found, asked.filters), None)
    return Page(results=hits, total=matches.total, facets=matches.facets, is_estimated=matches.is_estimated)


def _found(asked: Asked, planned: Plan) -> Page:
    limit = DEPTH if asked.rules else max(asked.offset + asked.limit, legs.LEG)
    found = legs.run(planned, asked.filters, asked.sort, limit=limit, alpha=asked.alpha)
    placed = merchandising.placed(asked.rules, Placed(found.ids, found.scores), asked.filters)
    matches = merchandising.counted(found.matches, placed.scores.keys() - found.scores.keys())
    written = highlight.as_written(asked.query) | highlight.as_written(asked.typed)
    return Page(
        results=_hits(asked, placed, found),
        total=matches.total,
        facets=matches.facets,
        corrected_query=_corrected(found.plan, found.matches, written),
        relaxed=_relaxed(found.plan, found.matches, written),
        alpha=found.alpha,
        semantic=found.semantic,
        is_estimated=matches.is_estimated,
    )


def _corrected(planned: Plan, matches: Matches, written: Mapping[str, str]) -> str | None:
    """The query in the spelling that its best product was found by; None when that is the query's own."""
    best = next((pk for pk, mask in zip(matches.ids, matches.masks, strict=True) if mask), None)
    corrections = dict(planned.apart)
    if best and any(term.origin == "spelling" for group in planned.groups for term in group.terms):
        parts = explaining.of([best], planned)[best].parts
        corrections |= {part.word: part.found for part in parts if part.origin == "spelling"}
    if best is None or not corrections:
        return None
    return " ".join(corrections.get(word) or written.get(word, word) for word in planned.words)


def _relaxed(planned: Plan, matches: Matches, written: Mapping[str, str]) -> Relaxed | None:
    """What the first of the results that lack a word lacks; None when none of those in sight lacks any."""
    for mask in matches.masks:
        missing = [group.label for n, group in enumerate(planned.groups) if not mask >> n & 1]
        if mask and missing:
            dropped = dict.fromkeys(written.get(word, word) for word in missing)
            return Relaxed(tuple(dropped), matches.full)
    return None


def _hits(asked: Asked, placed: Placed, found: Found | None) -> list[Hit]:
    """The page's products; one that went away in between leaves its place empty."""
    best = max(placed.scores.values(), default=0.0) or 1.0
    shown = placed.ids[asked.offset : asked.offset + asked.limit]
    listed = products.by_id(shown) if shown else {}
    explained = explaining.of(shown, found.plan) if found and asked.explain else {}
    terms = highlight.Terms.of(
        found.plan if found else Plan(), [listed[pk]["name"] for pk in shown if pk in listed]
    )
    return [
        Hit(
            **listed[pk],
            product_id=pk,
            score=round(placed.scores[pk] / best, 4),
            position=position,
            highlights=terms.in_(listed[pk]["name"]),
            explanation=replace(explained[pk], semantic=found.likeness.get(pk), fused=found.fused.get(pk))
            if found and pk in explained
            else None,
            rules=placed.rules.get(pk, ()),
            is_pinned=pk in placed.pinned,
        )
        for position, pk in enumerate(shown, asked.offset + 1)
        if pk in listed
    ]
