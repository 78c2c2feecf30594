"""Keyword and semantic search put together: which products, in which order, with which score."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from leafloaf.catalog import fusion, keyword, nearness, plan, semantic, vocabulary
from leafloaf.catalog.filters import Filters
from leafloaf.catalog.keyword import Matches, Sort
from leafloaf.catalog.plan import Plan
from leafloaf.catalog.text import tokens

LEG = 100
"""How many of each leg's best are fused; the rest of the keyword leg follows in its own order."""
FEW = 5000
"""So many products that the filters leave are compared with the query one by one."""


@dataclass(frozen=True, slots=True)
class Found:
    """`ids` in order with their `scores`; `likeness` and `fused` are of the products that have one."""

    plan: Plan
    matches: Matches
    ids: list[int]
    scores: Mapping[int, float]
    likeness: Mapping[int, float] = field(default_factory=dict)
    fused: Mapping[int, float] = field(default_factory=dict)
    alpha: float = 0.0
    semantic: str = "off"


def run(planned: Plan, filters: Filters, sort: Sort, *, limit: int, alpha: float) -> Found:
    """The first products of both legs; `alpha` is the weight of meaning: 0 is words alone, 1 meaning alone.

    By price or name, meaning helps only when the words find nothing: a product that is merely alike would stand
    anywhere among those that were asked for.
    """
    state = "off" if alpha == 0 else "used" if semantic.is_available() else "absent"
    if state != "used":
        return _by_words(planned, filters, sort, limit, state)
    if sort is not Sort.RELEVANCE and alpha < 1:
        found = _by_words(planned, filters, sort, limit, "off")
        if found.matches.total:
            return found
    return _by_both(planned, filters, sort, limit, alpha)


def _by_words(planned: Plan, filters: Filters, sort: Sort, limit: int, state: str) -> Found:
    planned, matches = _matches(planned, filters, sort, limit, {})
    scores = dict(zip(matches.ids, matches.scores, strict=True))
    return Found(planned, matches, matches.ids, scores, semantic=state)


def _by_both(planned: Plan, filters: Filters, sort: Sort, limit: int, alpha: float) -> Found:
    near = _near(planned.meant, filters)
    words = planned if alpha < 1 else Plan(planned.words, planned.meant)
    words, matches = _matches(words, filters, sort, limit + len(near), near)
    allowed = set(matches.ids)
    likeness = {pk: score for pk, score in near.items() if pk in allowed}
    by_words = [
        (pk, score)
        for pk, score, mask in zip(matches.ids, matches.scores, matches.masks, strict=True)
        if mask
    ]
    order = fusion.fuse(by_words[:LEG], list(likeness.items())[:LEG], alpha)
    if sort is not Sort.RELEVANCE:
        return Found(
            words, matches, matches.ids, dict.fromkeys(matches.ids, 1.0), likeness, {}, alpha, "used"
        )
    fused = dict(order)
    ids = [*fused, *(pk for pk in matches.ids if pk not in fused)]
    return Found(words, matches, ids, _standing(ids, fused), likeness, fused, alpha, "used")


def _standing(ids: list[int], fused: Mapping[int, float]) -> dict[int, float]:
    """Fused scores; what fusion has nothing for was found all the same, and falls evenly towards 0 in its order."""
    some = {pk: score for pk, score in fused.items() if score > 0}
    none = [pk for pk in ids if pk not in some]
    least = min(some.values(), default=1.0)
    return some | {pk: least * (1 - place / (len(none) + 1)) for place, pk in enumerate(none, 1)}


def _near(text: str, filters: Filters) -> dict[int, float]:
    """The products nearest in meaning; of those that few filters leave, each is compared."""
    within = keyword.allowed(filters, FEW) if filters.are_any else None
    return dict(semantic.nearest(text, 2 * LEG if filters.are_any else LEG, within))


def _matches(
    planned: Plan, filters: Filters, sort: Sort, limit: int, near: Mapping[int, float]
) -> tuple[Plan, Matches]:
    """The keyword leg; when no product has all the words, also with each word taken for a misspelt one."""
    matches = keyword.run(planned, filters, sort, limit=limit, near=list(near))
    if matches.full == 0 and len(planned.groups) > 1 and (doubted := plan.doubted(planned)):
        again = keyword.run(doubted, filters, sort, limit=limit, near=list(near))
        if again.full:
            planned, matches = doubted, again
    return planned, _side_by_side(planned, matches) if sort is Sort.RELEVANCE else matches


def _side_by_side(planned: Plan, matches: Matches) -> Matches:
    """The best matches anew, those first that say the words side by side."""
    count = len(matches.names)
    if len(planned.groups) < 2 or not count:
        return matches
    names = [tokens(name) for name in matches.names]
    stems = vocabulary.stems(word for name in names for word in name)
    terms = {pk: [stems[word] for word in name] for pk, name in zip(matches.ids[:count], names, strict=True)}
    groups = [frozenset(term.term for term in group.terms) for group in planned.groups]
    best = nearness.reordered(list(zip(matches.ids[:count], matches.scores, strict=False)), terms, groups)
    masks = dict(zip(matches.ids, matches.masks, strict=True))
    return replace(
        matches,
        ids=[pk for pk, _ in best] + matches.ids[count:],
        scores=[score for _, score in best] + matches.scores[count:],
        masks=[masks[pk] for pk, _ in best] + matches.masks[count:],
    )
