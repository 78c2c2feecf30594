"""Known items: two or three words of a product's name, by somebody who has that product in mind."""

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from bench.search import words
from bench.search.catalogues import Product
from bench.search.sets import Asked, source

MOST_ALIKE = 10
"""Words that more names than this hold together do not say which product was meant."""
DRAWS = 5


def known_items(products: Sequence[Product], count: int) -> list[Asked]:
    """Right is the product itself, and those of the same name."""
    draw = source()
    holders: dict[str, set[str]] = defaultdict(set)
    named: dict[str, list[str]] = defaultdict(list)
    for product in products:
        named[product.name.lower()].append(product.sku)
        for word in words.telling(product.name):
            holders[word].add(product.sku)
    found: dict[str, dict[str, int]] = {}
    for product in draw.sample(products, len(products)):
        if len(found) == count:
            break
        text = drawn(words.telling(product.name), holders, draw)
        if text and text not in found:
            found[text] = dict.fromkeys(named[product.name.lower()], 1)
    return list(found.items())


def drawn(candidates: list[str], holders: Mapping[str, set[str]], draw: random.Random) -> str:
    """Two or three of the words, in their order, that few names hold together; empty when no draw gave such.

    A word is drawn the sooner the rarer it is, because people ask by what tells a product from others.
    """
    for _ in range(DRAWS):
        keys = {word: draw.random() ** (1 / rarity(len(holders[word]))) for word in candidates}
        chosen = sorted(keys, key=lambda word: -keys[word])[: draw.choice((2, 3))]
        if len(chosen) > 1 and len(set.intersection(*(holders[word] for word in chosen))) <= MOST_ALIKE:
            return " ".join(word for word in candidates if word in chosen)
    return ""


def rarity(names: int) -> float:
    """1 for a word that stands in one name, a fifth for one that stands in ten thousand."""
    return 1 / (1 + math.log10(names))
