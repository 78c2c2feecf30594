"""What staff lift, sink and put in place: which rules a search meets, and what they make of its results.

* Only an order by relevance is touched: a shopper who sorts by price has the last word, and filters have it always.
* The order does not depend on the page that is asked for, so a product stands on one page only.
* Rules act in the order of their priority, then of their making: the first has a contested place, factors multiply.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from leafloaf.catalog import products
from leafloaf.catalog.faceting import MOST_VALUES, Facet
from leafloaf.catalog.filters import AFFORDABLE, IN_CATEGORY, OF_BRAND, SUITING, Filters
from leafloaf.catalog.keyword import Matches
from leafloaf.catalog.models import SEPARATOR
from leafloaf.catalog.text import normalise, tokens
from leafloaf.lib import statements

DEPTH = 10_100
"""As far as a search can be paged: so many results are put in order when a rule is met."""
LEAST = 0.05
"""What a result that the legs gave nothing stands for, of 1: or no factor could move it."""

# Nothing in it tempts the planner to plan it anew for each query, which would cost more than to run it.
MET = """
SELECT r.id, r.name, r.factor, r.query <> '' OR %(is_browsing)s
FROM catalog_merchandisingrule r
WHERE r.is_active
  AND (r.query_words[1] = ANY (%(words)s::text[]) OR (r.query = '' AND r.within_id = ANY (%(categories)s::bigint[])))
  AND (r.query = '' OR CASE r.match WHEN 'exact' THEN r.query_key = ANY (%(queries)s::text[])
                                    ELSE r.query_words <@ %(words)s::text[] END)
  AND (r.within_id IS NULL OR r.within_id = ANY (%(categories)s::bigint[]))
  AND (r.starts_at IS NULL OR r.starts_at <= coalesce(%(at)s::timestamptz, now()))
  AND (r.ends_at IS NULL OR r.ends_at > coalesce(%(at)s::timestamptz, now()))
ORDER BY r.priority, r.id
"""
# A category that is asked for is the end of a path; a rule holds for it and for all below.
ABOVE = """
SELECT DISTINCT above.id FROM unnest(%(categories)s::text[]) AS wanted
JOIN catalog_category c ON right(' > ' || c.path_key, length(wanted) + 3) = ' > ' || wanted
JOIN catalog_category above ON starts_with(c.path_key || ' > ', above.path_key || ' > ')
WHERE EXISTS (SELECT FROM catalog_merchandisingrule r WHERE r.within_id IS NOT NULL AND r.is_active)
"""
# Nobody is helped by more of what is out of stock.
TARGETED = """
SELECT r.id, array_agg(s.product_id)
FROM catalog_merchandisingrule r
JOIN catalog_productsearch s ON s.product_id = ANY (%(ids)s::bigint[])
LEFT JOIN catalog_offer o ON o.product_id = s.product_id
WHERE r.id = ANY (%(rules)s::bigint[]) AND (r.action = 'bury' OR coalesce(o.in_stock, true))
  AND (s.brand_id = r.brand_id
       OR s.category_id IN (
           SELECT c.id FROM catalog_category c JOIN catalog_category top ON top.id = r.category_id
           WHERE starts_with(c.path_key || ' > ', top.path_key || ' > '))
       OR EXISTS (SELECT FROM catalog_placement m WHERE m.rule_id = r.id AND m.product_id = s.product_id))
GROUP BY r.id
"""
PINNED = f"""
SELECT m.rule_id, m.product_id, m.position
FROM catalog_placement m
JOIN catalog_productsearch s ON s.product_id = m.product_id
LEFT JOIN catalog_offer o ON o.product_id = s.product_id
WHERE m.rule_id = ANY (%(rules)s::bigint[]) AND m.position IS NOT NULL AND coalesce(o.in_stock, true)
  AND {SUITING} AND {AFFORDABLE} AND {IN_CATEGORY} AND {OF_BRAND}
ORDER BY m.position, m.id
"""  # noqa: S608 (made of the constants of the filters)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that a search meets; without a factor it pins.

    `adds` is false for a category's rule in a search by words: there it moves what the words find, and adds nothing.
    """

    id: int
    name: str
    factor: float | None
    adds: bool


@dataclass(frozen=True, slots=True)
class Lift:
    """Products whose score a rule multiplies."""

    rule: str
    factor: float
    products: Collection[int]


@dataclass(frozen=True, slots=True)
class Pin:
    """A product that a rule shows in a position, counted from 1."""

    rule: str
    product: int
    position: int


@dataclass(frozen=True, slots=True)
class Placed:
    """Results in order with their scores; `rules` names those that touched a product.

    Those that are `pinned` stand where staff have put them.
    """

    ids: list[int]
    scores: Mapping[int, float]
    rules: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    pinned: frozenset[int] = frozenset()


def met(query: str, filters: Filters, *, typed: str = "", at: datetime | None = None) -> list[Rule]:
    """The rules in force, now or `at` an instant, for a query and the categories that are filtered by.

    `typed` is the query in the shopper's own words, where `query` is what was understood of them: a rule may be
    written for either.
    """
    texts = {normalise(text) for text in (query, typed)} - {""}
    if not texts and not filters.category:
        return []
    asked = {
        "queries": list(texts),
        "words": [word for text in texts for word in tokens(text)],
        "categories": _at_and_above(filters) if filters.category else [],
        "is_browsing": not texts,
        "at": at,
    }
    return [Rule(*row) for row in statements.fetch(MET, asked)]


def _at_and_above(filters: Filters) -> list[int]:
    """The categories that are filtered by, and those they stand below."""
    return [pk for (pk,) in statements.fetch(ABOVE, {"categories": filters.values()["categories"]})]


def placed(rules: Sequence[Rule], found: Placed, filters: Filters) -> Placed:
    """The results as the rules have them. All that can be paged to must be there, `DEPTH`, when there is a rule."""
    if not rules:
        return found
    return pin(lift(found, _lifts(rules, found.ids)), _pins(rules, found.ids, filters))


def counted(matches: Matches, added: Collection[int]) -> Matches:
    """The matches with those counted that only a rule has put among the results."""
    if not added:
        return matches
    listed = list(products.by_id(added).values())
    values = {
        "category": [each["category"].split(SEPARATOR)[0] for each in listed if each["category"]],
        "brand": [each["brand"] for each in listed if each["brand"]],
        "dietary": [mark for each in listed for mark in each["dietary"]],
    }
    facets = {name: _more(matches.facets[name], Counter(values[name])) for name in matches.facets}
    return replace(matches, total=matches.total + len(listed), facets=facets)


def _more(facets: list[Facet], added: Counter[str]) -> list[Facet]:
    """The facets with what was added. A value behind the last that is shown stays there."""
    counts = {facet.value: facet.count for facet in facets}
    is_whole = len(facets) < MOST_VALUES
    for value, count in added.items():
        if is_whole or value in counts:
            counts[value] = counts.get(value, 0) + count
    most = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return [Facet(value, count) for value, count in most[:MOST_VALUES]]


def lift(found: Placed, lifts: Sequence[Lift]) -> Placed:
    """The results in order of their scores times the factors; those not touched keep their order."""
    best = max(found.scores.values(), default=0.0) or 1.0
    scores = {pk: found.scores[pk] / best for pk in found.ids}
    standing = {pk: max(score, LEAST) for pk, score in scores.items()}
    rules = dict(found.rules)
    for each in lifts:
        for pk in standing.keys() & each.products:
            scores[pk] = standing[pk] = standing[pk] * each.factor
            rules[pk] = (*rules.get(pk, ()), each.rule)
    return Placed(sorted(found.ids, key=lambda pk: -standing[pk]), scores, rules) if lifts else found


def pin(found: Placed, pins: Sequence[Pin]) -> Placed:
    """The results with each pinned product in its position, or in the next that no earlier pin has.

    In a list too short for it, it comes last. The first pin of a product counts.
    """
    chosen: dict[int, Pin] = {}
    taken: set[int] = set()
    for each in pins:
        if each.product not in taken:
            position = each.position
            while position in chosen:
                position += 1
            chosen[position] = each
            taken.add(each.product)
    ids = [pk for pk in found.ids if pk not in taken]
    rules = dict(found.rules)
    for position in sorted(chosen):
        each = chosen[position]
        ids.insert(position - 1, each.product)
        rules[each.product] = (each.rule, *rules.get(each.product, ()))
    return Placed(ids, dict.fromkeys(taken, 0.0) | dict(found.scores), rules, frozenset(taken))


def _lifts(rules: Sequence[Rule], ids: list[int]) -> list[Lift]:
    lifting = [rule.id for rule in rules if rule.factor is not None]
    targets = dict(statements.fetch(TARGETED, {"rules": lifting, "ids": ids})) if lifting else {}
    return [
        Lift(rule.name, rule.factor, frozenset(targets[rule.id]))
        for rule in rules
        if rule.factor is not None and rule.id in targets
    ]


def _pins(rules: Sequence[Rule], ids: list[int], filters: Filters) -> list[Pin]:
    """The pins that the filters allow and that are in stock, in order of their rules."""
    pinning = [rule for rule in rules if rule.factor is None]
    if not pinning:
        return []
    rows = statements.fetch(PINNED, filters.values() | {"rules": [rule.id for rule in pinning]})
    matching = set(ids)
    return [
        Pin(rule.name, product, position)
        for rule in pinning
        for rule_id, product, position in rows
        if rule_id == rule.id and (rule.adds or product in matching)
    ]
