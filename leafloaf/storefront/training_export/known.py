"""What of a search is nobody's secret: the words and products of the catalogue, and words that many used."""

import re
from collections.abc import Iterable
from functools import cached_property

from leafloaf.catalog import vocabulary
from leafloaf.catalog.text import normalise
from leafloaf.lib import statements
from leafloaf.storefront.intent import RULES, model
from privacy import anonymise

MOST = 200_000
"""Words, or products, that are remembered at once."""
NAMES = "SELECT sku, name FROM catalog_product WHERE sku = ANY(%s::text[])"

_SMALL_WORDS = (
    "a about above after all also an and any are around as at before below between big both but by each "
    "either even every everything few fewer for free from full good great half in into is it its just large "
    "least less like low lower many max maximum min minimum more most much near new no non nor not of off on "
    "once only or other over per plus pure real really same size small so some such than that the their then "
    "these this those through to too top under up very well what when which who with within without one two "
    "three four five six seven eight nine ten dozen dollars au aux avec bas beaucoup bien bon bonne ce ces "
    "cet cette chaque chez d dans de des dessous dessus deux dix du elle en encore entre est et faible grand "
    "grande gros grosse huit il jusqu l la le les leur meme mini moins neuf nos notre nouveau nouvelle ou par "
    "pas petit petite peu pour pres prix quatre que quel quelle qui quoi sans sept si sous sur tous tout "
    "toute toutes tres trois trop un une vers zero cinq douzaine"
)
SMALL_WORDS = frozenset(_SMALL_WORDS.split())
"""Words without a thing in them, English and French."""
SMALL_NUMBER = re.compile("[0-9]{1,2}")
"""How many of something; a house's number has become a mark before anybody asks."""


def spoken() -> frozenset[str]:
    """Small words, and those said to a shop: the intents' rules and model, which no person of this shop taught."""
    weights = model.MODEL.weights if model.MODEL else {}
    cues = frozenset[str]().union(*(rule.cues for rule in RULES))
    return SMALL_WORDS | cues | model.SPEECH | {word for word in weights if word.isalpha()}


class Known:
    """Answers from memory what `learn` has looked up, and looks up the rest one by one.

    Args:
        common: words that many shoppers used, in normal form.
    """

    def __init__(self, common: frozenset[str]) -> None:
        self.common = common
        self.words: dict[str, bool] = {}
        self.names: dict[str, str | None] = {}

    @cached_property
    def spoken(self) -> frozenset[str]:
        return spoken()

    def learn(self, queries: Iterable[str], skus: Iterable[str]) -> None:
        """Looks up at once what a batch of searches will ask for."""
        self._learn_words({word for query in queries for word in normalise(query).split()})
        self._learn_names(set(skus))

    def keeps(self, word: str) -> bool:
        """Whether a normalised word may be told."""
        if word in self.common or word in self.spoken or SMALL_NUMBER.fullmatch(word):
            return True
        if word not in self.words:
            self._learn_words({word})
        return self.words.get(word, False)

    def name(self, sku: str) -> str | None:
        """What the catalogue calls the product; None for what it does not sell."""
        if sku not in self.names:
            self._learn_names({sku})
        return self.names.get(sku)

    def sold(self, skus: Iterable[str]) -> list[str]:
        """Those that the catalogue sells, in order, each once."""
        return [sku for sku in dict.fromkeys(skus) if self.name(sku) is not None]

    def anonymised(self, query: str) -> anonymise.Anonymised:
        return anonymise.anonymise(query, self.keeps, lambda text: normalise(text).split())

    def _learn_words(self, words: set[str]) -> None:
        if len(self.words) > MOST:
            self.words.clear()
        unknown = [word for word in words if word not in self.words and len(word) <= anonymise.LONGEST_WORD]
        if unknown:
            found = vocabulary.known(unknown)
            self.words |= {word: found.products(word) > 0 for word in unknown}

    def _learn_names(self, skus: set[str]) -> None:
        if len(self.names) > MOST:
            self.names.clear()
        unknown = [sku for sku in skus if sku not in self.names]
        if unknown:
            self.names |= dict.fromkeys(unknown) | dict(statements.fetch(NAMES, [unknown]))
