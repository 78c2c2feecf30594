"""The keyword leg: one statement scores the postings of a plan, filters, counts the facets and orders the matches.

A product's score is the sum over the groups of its best term's impact x how telling the group is, times the share of
the groups that it has. Products that have every group match; when those are few, the closest of the others as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from leafloaf.catalog import faceting, scoring
from leafloaf.catalog.filters import Filters
from leafloaf.catalog.plan import Group, Plan
from leafloaf.catalog.scoring import ENOUGH, Reach, Sort
from leafloaf.lib import statements

__all__ = ["Matches", "Sort", "allowed", "run"]

MOST_POSTINGS = 15_000
"""With more postings to score, not all of them are read."""
DEEPEST = 1000
"""Whoever wants more results than this gets all postings read."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The first products of a match in order, with their scores; `full` of the `total` have every word.

    The n-th bit of a mask says that the product has the n-th group. `names` are normalised, of the first ones only.
    When it `is_estimated`, the total is that of the last count and the facets are of it, or of the best ones alone.
    """

    ids: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    masks: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    total: int = 0
    full: int = 0
    facets: faceting.Facets = field(default_factory=faceting.none)
    is_estimated: bool = False


def run(
    plan: Plan, filters: Filters, sort: Sort = Sort.RELEVANCE, *, limit: int, near: Sequence[int] = ()
) -> Matches:
    """The first `limit` matches of a plan; products `near` in meaning match as well, with no score of their own."""
    asked = Asked(plan, filters, sort, limit, near)
    if _is_small(asked):
        return _matches(asked, Reach.ALL)
    if len(plan.groups) == 1:
        matches = _matches(asked, Reach.BEST)
        every = max(matches.total, plan.groups[0].products)
        return replace(matches, total=every, full=every, is_estimated=every > matches.total)
    matches = _matches(asked, Reach.TOGETHER)
    return matches if matches.full >= ENOUGH[sort] else _matches(asked, Reach.BEST)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be matched."""

    plan: Plan
    filters: Filters
    sort: Sort
    limit: int
    near: Sequence[int]


def _is_small(asked: Asked) -> bool:
    """Whether every posting is read: a filter or another order needs all of them, however many there are."""
    postings = sum(map(_postings, asked.plan.groups))
    is_plain = asked.sort is Sort.RELEVANCE and not asked.filters.are_any
    return postings <= MOST_POSTINGS or not is_plain or asked.limit > DEEPEST


def _postings(group: Group) -> int:
    return sum(term.products for term in group.terms if not term.is_head)


def _matches(asked: Asked, reach: Reach) -> Matches:
    filters = (asked.filters.are_any, asked.filters.need_offer)
    shelves = list(asked.plan.shelves)
    statement = scoring.statement(
        len(asked.plan.groups), reach, filters, asked.sort, bool(asked.near), bool(shelves)
    )
    values = _values(asked.plan) | asked.filters.values()
    values |= {"limit": asked.limit, "near": list(asked.near), "shelves": shelves}
    ((total, full, ids, scores, masks, names, *counted),) = statements.fetch(statement, values)
    return Matches(ids, scores, masks, names, total, full, faceting.read(*counted))


def _values(plan: Plan) -> dict[str, Any]:
    """The plan as arrays; whole brands are one more group, which covers nothing."""
    numbered = [
        (term.term, n, term.factor * group.weight * plan.idf(group), term.products > MOST_POSTINGS)
        for n, group in enumerate(plan.groups)
        for term in group.terms
    ] + [(term.term, len(plan.groups), term.factor, False) for term in plan.brands]
    terms, groups, factors, frequent = (
        map(list, zip(*numbered, strict=True)) if numbered else ([], [], [], [])
    )
    rarest = min(plan.groups, key=_postings, default=None)
    weights = [group.weight for group in plan.groups]
    return {
        "terms": terms,
        "groups": groups,
        "factors": factors,
        "frequent": frequent,
        "rarest": [term.term for term in rarest.terms if not term.is_head] if rarest else [],
        "weights": [weight / sum(weights) for weight in weights],
    }


def allowed(filters: Filters, most: int) -> list[int] | None:
    """The products that the filters leave; None when they are more than `most`."""
    ids = [pk for (pk,) in statements.fetch(scoring.ALLOWED, filters.values() | {"limit": most + 1})]
    return ids if len(ids) <= most else None
