"""A small linear model for what no rule knows, asked only when a query sounds like speech to a shop.

Words and pairs of words have a weight for each intent, learned by `training.py` and kept in weights.json. A plain
shop query has none of the words of speech and never comes here, so it stays a search.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from leafloaf.storefront.intent.numbers import number

WEIGHTS = Path(__file__).with_name("weights.json")
SURE_ENOUGH = 0.5
VERY_SURE = 0.85
"""For a query that asks for products in so many words: `do you have`, `show me`."""
# Not "add" or "remove": a rule speaks of every command that begins so, unless it is the name of a product.
_SPEECH = (
    "i im id ill ive my me mine we our us were weve you your u youre it its that thats those these "
    "them they this what whats how hows when whens where wheres why who whos which can could would "
    "should do does did dont doesnt didnt is isnt are arent was wasnt am will wont please let lets "
    "have havent has hasnt had got need want tell say put take get give make change set "
    "show order cart basket thanks someone somebody anyone there here je j tu vous mon ma mes "
    "nous est que qu quoi comment combien ai ce ca quel quelle quels quelles peux veux pas ne n recu "
    "instead another help more without no not cant with for to panier commande"
)
SPEECH = frozenset(_SPEECH.split())
_STRONG = "more without no not with for to help put take get make set order another it that this need n j"
STRONG = SPEECH - frozenset(_STRONG.split())
SHORTEST = 2
"""Words that a query needs to sound like speech."""


@dataclass(frozen=True)
class Model:
    """Weights of each feature, one for each of `intents`; `""` is the feature that every query has."""

    intents: tuple[str, ...]
    weights: dict[str, list[float]]

    def best(self, words: list[str]) -> tuple[str, float]:
        """The most likely intent and its probability."""
        totals = [0.0] * len(self.intents)
        for feature in features(words):
            if found := self.weights.get(feature):
                totals = [total + weight for total, weight in zip(totals, found, strict=True)]
        top = max(totals)
        powers = [math.exp(total - top) for total in totals]
        at = totals.index(top)
        return self.intents[at], 1 / sum(powers)


def features(words: list[str]) -> Iterator[str]:
    """What the model sees: every word, every pair of neighbours, the first and the last, numbers as `#`."""
    plain = ["#" if number(word) is not None else word for word in words]
    yield ""
    yield from dict.fromkeys(plain)
    edged = ["^", *plain, "$"]
    yield from dict.fromkeys(f"{left} {right}" for left, right in pairwise(edged))


def sounds_spoken(words: list[str]) -> bool:
    """Whether a query has words that people say to a shop and hardly any product has in its name."""
    return len(words) >= SHORTEST and (
        not STRONG.isdisjoint(words) or (len(words) > 3 and len(SPEECH.intersection(words)) > 1)
    )


def load() -> Model:
    """The model in weights.json."""
    kept = json.loads(WEIGHTS.read_text())
    weights = {feature: [value / 100 for value in row] for feature, row in kept["weights"].items()}
    return Model(tuple(kept["intents"]), weights)


MODEL = load() if WEIGHTS.exists() else None
