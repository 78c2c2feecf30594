"""Kinds of product with weak labels: what is right follows from a name's words and its category or brand."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from bench.search import words
from bench.search.catalogues import Product
from bench.search.sets import Asked, source

FEWEST_NAMES, FEWEST_OF_BRAND = 5, 2
DOMINANT_SHARE = 0.6
WHOLE, HEAD = 2, 1

Shelf = list[tuple[str, frozenset[str]]]
"""SKU and stemmed words of each product of a category or brand."""


def of_category(products: Sequence[Product], count: int) -> list[Asked]:
    """Phrases such as "almond milk" that end at least five names, most of them in one category.

    There, a name with every word of the phrase has grade 2, and one with its last word alone grade 1.
    """
    aisles: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    shelves: dict[str, Shelf] = defaultdict(list)
    for product in products:
        phrase = tuple(words.telling(product.name.partition(",")[0])[-2:])
        if product.category:
            shelves[product.category].append((product.sku, words.stems(product.name)))
            aisles[phrase][product.category] += 1
    asked = []
    for phrase, counts in aisles.items():
        (aisle, most), *_ = counts.most_common(1)
        if len(phrase) == 2 and most >= FEWEST_NAMES and most >= DOMINANT_SHARE * counts.total():
            asked.append((phrase, aisle))
    chosen = source().sample(sorted(asked), min(count, len(asked)))
    return [(" ".join(phrase), graded(phrase, shelves[aisle])) for phrase, aisle in chosen]


def graded(phrase: tuple[str, ...], shelf: Shelf) -> dict[str, int]:
    wanted = {words.stem(word) for word in phrase}
    head = words.stem(phrase[-1])
    return {sku: WHOLE if wanted <= held else HEAD for sku, held in shelf if head in held}


def of_brand(products: Sequence[Product], count: int) -> list[Asked]:
    """A brand and the word that ends several of its names: right are its products with that word in their name."""
    shelves: dict[str, Shelf] = defaultdict(list)
    heads: Counter[tuple[str, str]] = Counter()
    for product in products:
        if not product.brand:
            continue
        own = [word for word in words.telling(product.name) if word not in words.telling(product.brand)]
        shelves[product.brand.lower()].append((product.sku, words.stems(" ".join(own))))
        if own:
            heads[product.brand.lower(), words.stem(own[-1])] += 1
    asked = sorted(pair for pair, names in heads.items() if names >= FEWEST_OF_BRAND)
    chosen = source().sample(asked, min(count, len(asked)))
    return [
        (f"{brand} {head}", {sku: 1 for sku, held in shelves[brand] if head in held})
        for brand, head in chosen
    ]
