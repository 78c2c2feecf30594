"""What a query that is still being typed may become: phrases, brands, categories and products that begin so.

Phrases, brands and categories stand counted in catalog_completion; products are read as they are at this moment.
Nothing is suggested that a search would not find. When nothing begins as it is typed, one typing error is forgiven.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from django.conf import settings

from leafloaf.catalog import completing, replica, vocabulary
from leafloaf.catalog.completing import Typed
from leafloaf.catalog.deadline import within
from leafloaf.catalog.highlight import WRITTEN, Range
from leafloaf.catalog.plan import LONGEST_QUERY, MOST_WORDS
from leafloaf.catalog.slots import FILLERS
from leafloaf.catalog.text import normalise
from leafloaf.catalog.vocabulary import HIGHEST
from leafloaf.lib import statements

LONGEST_START = 64
"""How much of a name its index holds."""
DRIVERS = 12
"""Words that the last one may become, when products are looked for by a later word of their name."""
SHORTEST_WORD = 3
"""What the vocabulary leaves out: words that are shorter, or have a digit."""

COMPLETIONS = """
SELECT found.* FROM unnest('{query,brand,category}'::text[]) AS k (kind)
CROSS JOIN LATERAL (
    SELECT c.kind, c.text, c.path, c.is_later, c.products, c.terms FROM catalog_completion c
    WHERE c.kind = k.kind AND c.start >= %(start)s::text AND c.start < %(stop)s::text
    ORDER BY c.is_later, c.products DESC, length(c.text), c.text COLLATE "C" LIMIT %(limit)s::integer) AS found
WHERE NOT EXISTS (SELECT FROM unnest(found.terms) AS t (term)
                  WHERE NOT EXISTS (SELECT FROM catalog_posting p WHERE p.term = t.term))
"""
# A slice of the index in its order, so that one letter costs no more than ten.
PRODUCTS = """
SELECT p.sku, p.name, s.in_stock
FROM (SELECT n.product_id, n.name_key, coalesce(o.in_stock, true) AS in_stock
      FROM (SELECT product_id, name_key FROM catalog_productsearch
            WHERE left(name_key, 64) COLLATE "C" >= %(start)s::text AND left(name_key, 64) COLLATE "C" < %(stop)s::text
            ORDER BY left(name_key, 64) COLLATE "C", product_id LIMIT 300) AS n
      LEFT JOIN catalog_offer o ON o.product_id = n.product_id
      WHERE starts_with(n.name_key, %(whole)s::text)
      ORDER BY 3 DESC, length(n.name_key), n.name_key COLLATE "C", 1 LIMIT %(limit)s::integer) AS s
JOIN catalog_product p ON p.id = s.product_id
ORDER BY 3 DESC, length(s.name_key), s.name_key COLLATE "C", p.sku
"""
LATER_PRODUCTS = """
SELECT p.sku, p.name, s.in_stock
FROM (SELECT s.product_id, s.name_key, coalesce(o.in_stock, true) AS in_stock
      FROM (SELECT DISTINCT f.product_id FROM unnest(%(driver)s::text[]) AS d (term)
            CROSS JOIN LATERAL (SELECT product_id FROM catalog_posting p WHERE p.term = d.term
                                ORDER BY product_id LIMIT %(each)s::integer) AS f) AS found
      CROSS JOIN LATERAL (SELECT * FROM catalog_productsearch s WHERE s.product_id = found.product_id OFFSET 0) AS s
      LEFT JOIN catalog_offer o ON o.product_id = s.product_id
      WHERE NOT EXISTS (SELECT FROM unnest(%(roots)s::text[]) AS r (root)
                        WHERE position(' ' || r.root IN ' ' || s.name_key || ' ' || s.brand_key) = 0)
      ORDER BY 3 DESC, length(s.name_key), s.name_key COLLATE "C", 1 LIMIT %(limit)s::integer) AS s
JOIN catalog_product p ON p.id = s.product_id
ORDER BY 3 DESC, length(s.name_key), s.name_key COLLATE "C", p.sku
"""
MOST_CANDIDATES = 600


class Kind(StrEnum):
    """What a suggestion names, the most particular first: of two that read alike the first is shown."""

    BRAND = "brand"
    CATEGORY = "category"
    QUERY = "query"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """`highlight` is what of the text was typed; `category` is the whole path, for the filter of a search."""

    type: Kind
    text: str
    highlight: tuple[Range, ...]
    sku: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    kind: Kind
    text: str
    tier: int
    """0 begins as it was typed, of 1 a later word does; with another form of the word each is one more."""
    typed: Typed
    products: int = 1
    searches: int = 0
    in_stock: bool = True
    sku: str | None = None
    path: str | None = None

    @property
    def rank(self) -> tuple[object, ...]:
        return (
            self.tier,
            -self.searches,
            -self.products,
            not self.in_stock,
            len(self.text),
            self.text,
            self.sku or "",
        )


def suggest(query: str, *, limit: int = 8, asked_before: Iterable[tuple[str, int]] = ()) -> list[Suggestion]:
    """At most `limit` completions of a query, best first; none of one without a letter or digit.

    `asked_before` are past queries that may be shown, with how often they were made; those that fit are used.

    Raises:
        SearchTimeout: it took longer than a search may.
    """
    words = normalise(query[:LONGEST_QUERY]).split(" ")[:MOST_WORDS]
    if not words[0]:
        return []
    typed = Typed(tuple(words[:-1]), words[-1])
    found = replica.read(partial(_found, typed, limit, list(asked_before)))
    return [_suggestion(each) for each in _seated(found, limit)]


def _found(typed: Typed, limit: int, asked_before: Iterable[tuple[str, int]]) -> list[Candidate]:
    with within(settings.SEARCH_TIMEOUT_SECONDS):
        return [*_asked_before(typed, asked_before), *_completed(typed, limit)] or _corrected(typed, limit)


def _completed(typed: Typed, limit: int) -> list[Candidate]:
    """What begins as it was typed; when that is little, what begins with another form of the last word."""
    found = _of(typed, limit)
    for form in completing.forms(typed.last):
        if len(found) >= limit and any(each.kind is Kind.QUERY and not each.tier for each in found):
            break
        found += [replace(each, tier=each.tier + 1) for each in _of(replace(typed, last=form), limit)]
    return found


def _of(typed: Typed, limit: int) -> list[Candidate]:
    start = " ".join((*typed.meaning, typed.last))
    found = [
        Candidate(kind=Kind(kind), text=text, path=path, products=products, tier=int(is_later), typed=typed)
        for kind, text, path, is_later, products, _ in statements.fetch(COMPLETIONS, _between(start, limit))
    ]
    whole = _between(" ".join(typed.words), limit)
    products = [_product(row, typed, 0) for row in statements.fetch(PRODUCTS, whole)]
    if len(found) + len(products) < limit or (len(products) < limit // 4 and len(start) > 2):
        products += _later_products(typed, limit)
    if typed.meaning and not any(each.kind is Kind.QUERY for each in found):
        found += _composed(typed, products)
    return found + products


def _between(start: str, limit: int) -> dict[str, object]:
    cut = start[:LONGEST_START]
    return {"start": cut, "stop": cut + HIGHEST, "whole": start, "limit": 2 * limit}


def _product(row: tuple[str, str, bool], typed: Typed, tier: int) -> Candidate:
    sku, name, in_stock = row
    return Candidate(kind=Kind.PRODUCT, text=name, sku=sku, in_stock=in_stock, tier=tier, typed=typed)


def _later_products(typed: Typed, limit: int) -> list[Candidate]:
    """Products that have the words anywhere in name or brand, read from the rarest of them."""
    context = vocabulary.known(typed.meaning) if typed.meaning else vocabulary.Vocabulary({}, 0)
    if any(not context.products(word) for word in typed.meaning):
        return []
    ends = vocabulary.beginning(typed.last, DRIVERS)
    if not ends and len(typed.last) >= SHORTEST_WORD and typed.last.isalpha():
        return []
    rarest = min(
        (context.words[word] for word in typed.meaning), key=lambda word: word.products, default=None
    )
    if rarest and (not ends or rarest.products < sum(each.products for each in ends)):
        driver = [rarest.term]
    else:
        driver = list(dict.fromkeys(each.term for each in ends))
    if not driver:
        return []
    asked = {
        "driver": driver,
        "each": MOST_CANDIDATES // len(driver),
        "roots": [*(_root(context.words[word].term) for word in typed.meaning), typed.last],
        "limit": 2 * limit,
    }
    return [_product(row, typed, 1) for row in statements.fetch(LATER_PRODUCTS, asked)]


def _root(term: str) -> str:
    """The letters of a stem that all its forms begin with: those of berri are berr."""
    return term[:-1] if len(term) > 2 and term.endswith("i") else term


def _composed(typed: Typed, products: Sequence[Candidate]) -> Iterator[Candidate]:
    """The finished words with what their products have for the unfinished one."""
    times: dict[str, int] = {}
    for word in (word for product in products for word in _words(product.text)):
        if normalise(word).startswith(typed.last):
            times[word.lower()] = times.get(word.lower(), 0) + 1
    for word, products_with in times.items():
        text = " ".join((*typed.context, word))
        yield Candidate(kind=Kind.QUERY, text=text, tier=0, typed=typed, products=products_with)


def _words(text: str) -> list[str]:
    return [found.group().rstrip() for found in WRITTEN.finditer(text)]


def _asked_before(typed: Typed, queries: Iterable[tuple[str, int]]) -> list[Candidate]:
    """Past queries that begin so, every word of which some product has."""
    start = " ".join(typed.words)
    fitting = [(text, times) for text, times in queries if f" {start}" in f" {text}"]
    if not fitting:
        return []
    known = vocabulary.known(word for text, _ in fitting for word in text.split(" ") if word not in FILLERS)
    return [
        Candidate(
            kind=Kind.QUERY, text=text, tier=int(not text.startswith(start)), searches=times, typed=typed
        )
        for text, times in fitting
        if all(known.products(word) for word in text.split(" ") if word not in FILLERS)
    ]


def _corrected(typed: Typed, limit: int) -> list[Candidate]:
    """The completions of the likeliest query one typing error away that has any."""
    for other in completing.alternatives(typed):
        if found := _of(other, limit):
            return found
    return []


def _seated(candidates: Iterable[Candidate], limit: int) -> list[Candidate]:
    """The best of each kind have a seat; the others are given by rank, to queries no more than five in eight."""
    ranked = sorted(_distinct(candidates), key=lambda each: each.rank)
    fewest = {
        Kind.PRODUCT: limit // 4,
        Kind.QUERY: limit // 4,
        Kind.BRAND: limit // 8,
        Kind.CATEGORY: limit // 8,
    }
    most = {
        Kind.PRODUCT: limit,
        Kind.QUERY: limit - 3 * limit // 8,
        Kind.BRAND: limit // 4,
        Kind.CATEGORY: limit // 4,
    }
    taken: list[Candidate] = []
    for seats in (fewest, most, dict.fromkeys(Kind, limit)):
        for each in ranked:
            same = sum(other.kind is each.kind for other in taken)
            if len(taken) < limit and each not in taken and same < seats[each.kind]:
                taken.append(each)
    return sorted(taken, key=lambda each: each.rank)


def _distinct(candidates: Iterable[Candidate]) -> Iterable[Candidate]:
    """Of those that normalise equal the most particular kind."""
    kept: dict[str, Candidate] = {}
    particular = list(Kind)
    for each in sorted(candidates, key=lambda each: (particular.index(each.kind), each.rank)):
        kept.setdefault(normalise(each.text), each)
    return kept.values()


def _suggestion(each: Candidate) -> Suggestion:
    return Suggestion(
        type=each.kind,
        text=each.text,
        sku=each.sku,
        category=each.path,
        highlight=tuple(completing.ranges(each.text, each.typed)),
    )
