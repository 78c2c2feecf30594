"""What was typed: its words, what else they may be meant as, and where they stand in a text."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from leafloaf.catalog import spelling, vocabulary
from leafloaf.catalog.highlight import WRITTEN, Range
from leafloaf.catalog.slots import FILLERS
from leafloaf.catalog.text import normalise
from leafloaf.catalog.vocabulary import HIGHEST
from leafloaf.lib import statements

SHORTEST_MISSPELT, LONGEST_MISSPELT = 3, 24
VARIANTS_TRIED = 3
LETTERS = "abcdefghijklmnopqrstuvwxyz"

VARIANTS = """
SELECT v.start, k.products FROM unnest(%(variants)s::text[]) AS v (start)
CROSS JOIN LATERAL (SELECT max(w.products) AS products FROM catalog_word w
                    WHERE w.word >= v.start AND w.word < v.start || %(highest)s::text) AS k
WHERE k.products IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Typed:
    """The words that are finished, and the beginning of the last one, all normalised."""

    context: tuple[str, ...]
    last: str

    @property
    def words(self) -> tuple[str, ...]:
        return (*self.context, self.last)

    @property
    def meaning(self) -> tuple[str, ...]:
        return tuple(word for word in self.context if word not in FILLERS)


def forms(word: str) -> Iterator[str]:
    """Singular and plural forms that the word is not the beginning of, English and French."""
    if len(word) > 3 and word.endswith(("s", "x")):
        yield word[:-1]
    if len(word) > 4 and word.endswith("ies"):
        yield f"{word[:-3]}y"
    elif len(word) > 4 and word.endswith("es"):
        yield word[:-2]
    elif len(word) > 3 and word.endswith("y"):
        yield f"{word[:-1]}ies"


def alternatives(typed: Typed) -> Iterator[Typed]:
    """The likeliest queries that are one typing error away, in a finished word that no product has or in the last."""
    known = vocabulary.known(typed.meaning) if typed.meaning else None
    unknown = [word for word in typed.meaning if known and not known.products(word)]
    if len(unknown) == 1:
        near = [(each.word, each.products) for each in vocabulary.alike(unknown[0], 1)]
        for other in spelling.likeliest(spelling.misspelt(unknown[0], near, 1))[:VARIANTS_TRIED]:
            words = tuple(other.words[0] if word == unknown[0] else word for word in typed.context)
            yield replace(typed, context=words)
    elif not unknown:
        for start in _variants(typed.last)[:VARIANTS_TRIED]:
            yield replace(typed, last=start)
        if typed.context and any(filler.startswith(typed.last) for filler in FILLERS):
            yield Typed(typed.context[:-1], typed.context[-1])


def _variants(word: str) -> list[str]:
    """Beginnings of words of the catalogue one error away, the likeliest first."""
    if not SHORTEST_MISSPELT <= len(word) <= LONGEST_MISSPELT or not word.isalpha():
        return []
    errors = _edits(word)
    rows = statements.fetch(VARIANTS, {"variants": list(errors), "highest": HIGHEST})
    return [
        start
        for _, start in sorted(
            (spelling.cost(word, start, errors[start], products), start) for start, products in rows
        )
    ]


def _edits(word: str) -> dict[str, float]:
    """The texts one error away, with what the error costs."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    edits = {left + letter + right for left, right in cuts for letter in LETTERS}
    edits |= {left + letter + right[1:] for left, right in cuts if right for letter in LETTERS}
    edits |= {left + right[1:] for left, right in cuts if right}
    costs = {edit: 1.0 for edit in edits if len(edit) >= SHORTEST_MISSPELT and edit != word}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    return costs | {edit: spelling.TRANSPOSED_COST for edit in swapped if edit != word}


def ranges(text: str, typed: Typed) -> Iterator[Range]:
    """Where the typed words are in the text, a finished word whole."""
    for found in WRITTEN.finditer(text):
        word = found.group().rstrip()
        if span := _span(word, typed):
            yield Range(found.start() + span[0], found.start() + span[1])


def _span(word: str, typed: Typed) -> tuple[int, int] | None:
    """The part of one written word that was typed; `l'huile` is one with two inside."""
    key = f" {normalise(word)}"
    if any(f"{key} ".startswith(f" {done} ") for done in typed.context):
        return 0, len(word)
    at = key.find(f" {typed.last}")
    if at < 0:
        return None
    lengths = [len(normalise(word[:stop])) for stop in range(len(word) + 1)]
    start = max(stop for stop, length in enumerate(lengths) if length <= max(at - 1, 0))
    return start if at else 0, next(stop for stop, n in enumerate(lengths) if n >= at + len(typed.last))
