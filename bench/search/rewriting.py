"""The same query as another shopper would write it: number, order, accents, words joined or split."""

import random
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from bench.search import words
from bench.search.catalogues import Product
from bench.search.sets import Asked, source

SHORTEST_PART, FEWEST_NAMES = 3, 3


def rewritten(asked: Sequence[Asked], products: Sequence[Product]) -> list[Asked]:
    """Each query that can be written otherwise, in one way that the seed draws; what is right stays right."""
    draw = source()
    names = Counter(word for product in products for word in words.telling(product.name))
    common = {word for word, count in names.items() if count >= FEWEST_NAMES}
    found: list[Asked] = []
    for text, grades in asked:
        ways = {way(text, common, draw) for way in WAYS} - {text}
        if ways:
            found.append((draw.choice(sorted(ways)), grades))
    return found


def other_number(text: str, common: Collection[str], draw: random.Random) -> str:
    """One word in the plural for the singular, or the other way round."""
    asked = text.split(" ")
    place = draw.randrange(len(asked))
    word = asked[place]
    single = words.stem(word)
    asked[place] = single if single != word else word[:-1] + "ies" if word.endswith("y") else word + "s"
    return " ".join(asked)


def other_order(text: str, common: Collection[str], draw: random.Random) -> str:
    return " ".join(reversed(text.split(" ")))


def without_accents(text: str, common: Collection[str], draw: random.Random) -> str:
    return "".join(
        letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter)
    )


def joined(text: str, common: Collection[str], draw: random.Random) -> str:
    """The first two words as one, where names write them so or that other way: "butter milk", "buttermilk"."""
    first, _, rest = text.partition(" ")
    second, *others = rest.split(" ")
    return " ".join([first + second, *others]) if first + second in common else text


def split(text: str, common: Collection[str], draw: random.Random) -> str:
    """A word as the two that it is made of, when both are words of their own."""
    asked = text.split(" ")
    for place, word in enumerate(asked):
        cuts = range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
        parts = [(word[:cut], word[cut:]) for cut in cuts if word[:cut] in common and word[cut:] in common]
        if parts:
            return " ".join([*asked[:place], *draw.choice(parts), *asked[place + 1 :]])
    return text


Way = Callable[[str, Collection[str], random.Random], str]
WAYS: tuple[Way, ...] = (other_number, other_order, without_accents, joined, split)
