"""Why a product stands where it stands: each part of its score, as the statement that scored it computed it."""

from collections.abc import Sequence
from dataclasses import dataclass

from leafloaf.catalog import shelves
from leafloaf.catalog.plan import Plan
from leafloaf.lib import statements

POSTINGS = """
SELECT product_id, term, impact FROM catalog_posting
WHERE term = ANY (%(terms)s::text[]) AND product_id = ANY (%(ids)s::bigint[])
"""

ON_SHELF = """
SELECT product_id FROM catalog_productsearch
WHERE product_id = ANY (%(ids)s::bigint[]) AND category_id = ANY (%(shelves)s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What one word of the query adds: `score` = impact x idf x weight x factor, of the best word found for it."""

    word: str
    found: str
    origin: str
    impact: float
    idf: float
    weight: float
    factor: float
    is_head_noun: bool
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """`keyword` = (sum of the parts + brand_bonus) x coverage x shelf.

    `shelf` is above 1 on a shelf that is called what was asked for.

    `semantic` is the likeness in meaning and `fused` both legs put together; None where the leg did not give them.
    """

    parts: tuple[Part, ...]
    brand_bonus: float
    coverage: float
    keyword: float
    shelf: float = 1.0
    semantic: float | None = None
    fused: float | None = None


def of(ids: Sequence[int], plan: Plan) -> dict[int, Explanation]:
    """The explanation of each of the products."""
    terms = [term.term for group in plan.groups for term in group.terms] + [b.term for b in plan.brands]
    impacts: dict[int, dict[str, float]] = {pk: {} for pk in ids}
    for pk, term, impact in statements.fetch(POSTINGS, {"terms": terms, "ids": list(ids)}):
        impacts[pk][term] = impact
    named = {"ids": list(ids), "shelves": list(plan.shelves)}
    on_shelf = {pk for (pk,) in statements.fetch(ON_SHELF, named)} if plan.shelves else set()
    return {pk: _explained(plan, impacts[pk], shelves.FACTOR if pk in on_shelf else 1.0) for pk in ids}


def _explained(plan: Plan, impacts: dict[str, float], shelf: float) -> Explanation:
    parts, covered = [], 0.0
    for group in plan.groups:
        idf = plan.idf(group)
        found = [
            Part(
                group.label, term.word, term.origin, impacts[term.term], idf, group.weight,
                term.factor, term.is_head, impacts[term.term] * idf * group.weight * term.factor,
            )
            for term in group.terms
            if term.term in impacts
        ]  # fmt: skip
        if found:
            parts.append(max(found, key=lambda part: part.score))
            covered += group.weight
    bonus = max((brand.factor * impacts.get(brand.term, 0.0) for brand in plan.brands), default=0.0)
    coverage = covered / (sum(group.weight for group in plan.groups) or 1)
    total = (sum(part.score for part in parts) + bonus) * coverage * shelf
    return Explanation(tuple(parts), bonus, coverage, total, shelf)
