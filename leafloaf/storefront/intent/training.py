"""Learns weights.json from labelled utterances.

Multinomial logistic regression by stochastic gradient descent, in plain Python, the same weights every time. The
files have the columns `text` and `intent`.
"""

import csv
import json
import math
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from leafloaf.catalog.text import normalise
from leafloaf.storefront.intent import INTENTS, wording
from leafloaf.storefront.intent.model import WEIGHTS, Model, features

SEEN_AT_LEAST = 2
EPOCHS = 40
RATE = 0.2
DECAY = 2e-4
MOST_FEATURES = 1200
SEED = 20261121

Example = tuple[list[str], int]


def examples(paths: Iterable[Path]) -> list[Example]:
    """Words and the number of the intent, from each row of the files."""
    rows = [row for path in paths for row in csv.DictReader(path.read_text().splitlines())]
    return [(wording.corrected(normalise(row["text"])).split(), INTENTS.index(row["intent"])) for row in rows]


def train(learned: list[Example]) -> Model:
    """A model of the examples: features seen often enough, the heaviest of them kept."""
    counts = Counter(feature for words, _ in learned for feature in features(words))
    weights = {feature: [0.0] * len(INTENTS) for feature, seen in counts.items() if seen >= SEEN_AT_LEAST}
    cases = [([weights[f] for f in features(words) if f in weights], intent) for words, intent in learned]
    order = random.Random(SEED)  # noqa: S311 - the order of examples is no secret
    for epoch in range(EPOCHS):
        order.shuffle(cases)
        for rows, intent in cases:
            _step(rows, intent, RATE / (1 + epoch / 10))
    heaviest = sorted(weights, key=lambda feature: (-max(map(abs, weights[feature])), feature))[
        :MOST_FEATURES
    ]
    return Model(INTENTS, {feature: weights[feature] for feature in sorted({"", *heaviest})})


def _step(rows: list[list[float]], intent: int, rate: float) -> None:
    """Moves the weights of one example's features towards its intent."""
    totals = [sum(column) for column in zip(*rows, strict=True)]
    top = max(totals)
    powers = [math.exp(total - top) for total in totals]
    whole = sum(powers)
    errors = [power / whole - (at == intent) for at, power in enumerate(powers)]
    for row in rows:
        for at, error in enumerate(errors):
            row[at] -= rate * (error + DECAY * row[at])


def save(model: Model, path: Path = WEIGHTS) -> None:
    """Writes the weights in hundredths, a line for each feature."""
    rows = [
        (
            f"  {json.dumps(feature, ensure_ascii=False)}: "
            f"{json.dumps([round(100 * weight) for weight in row], separators=(',', ':'))}"
        )
        for feature, row in model.weights.items()
    ]
    heading = f'{{"intents": {json.dumps(model.intents)},\n "weights": {{\n'
    path.write_text(heading + ",\n".join(rows) + "\n}}\n")
