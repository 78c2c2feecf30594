"""Words as they are written: where a product's name has those looked for, and how a shopper wrote those of a query."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

from leafloaf.catalog import vocabulary
from leafloaf.catalog.plan import Plan
from leafloaf.catalog.text import normalise, tokens

WRITTEN = re.compile(r"[^\W_]+(?:[.,%’'´`\u0300-\u036f]+[^\W_]+)*\s?%?")
"""What may be one word of a name as it is written, a percentage with its sign."""


PERCENTAGE = re.compile(r"([0-9.]+)pct")


def as_written(text: str) -> dict[str, str]:
    """Each word of a text, as the index has it, in the writing of the text: 2pct is `2%`, chevre is `chèvre`."""
    written = {
        word: PERCENTAGE.sub(r"\1%", word) if "%" in text else word for word in tokens(normalise(text))
    }
    for found in WRITTEN.finditer(text):
        words = tokens(normalise(found.group()))
        if len(words) == 1:
            written[words[0]] = found.group().strip().lower()
    return written


class Range(NamedTuple):
    """Characters of the name, from `start` to before `stop`."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a plan, and the term of each word of some names."""

    wanted: frozenset[str]
    of_word: dict[str, str]

    @classmethod
    def of(cls, plan: Plan, names: Iterable[str]) -> Self:
        """Stems the names' words in one statement."""
        wanted = frozenset(term.term for group in plan.groups for term in group.terms)
        words = {word for name in names for word in tokens(normalise(name))} if wanted else set()
        return cls(wanted, vocabulary.stems(words) if words else {})

    def in_(self, name: str) -> list[Range]:
        """The ranges of a name, in order, words side by side apart."""
        if not self.wanted:
            return []
        return [
            Range(found.start(), found.start() + len(found.group().rstrip()))
            for found in WRITTEN.finditer(name)
            if any(self.of_word.get(word) in self.wanted for word in tokens(normalise(found.group())))
        ]
