"""Which words stand for a query's words: `lait` finds milk, `sans lactose` lactose free. Staff edit them."""

from dataclasses import dataclass

from leafloaf.catalog.text import normalise, tokens
from leafloaf.lib import statements

LONGEST_PHRASE = 4

# Both directions of a row; the shop has some hundreds of rows, so they are read as they stand, never from a copy. The
# way back of a one-way row finds nothing, but says that its two words mean the same.
READ = """
SELECT s.term_key, r.phrase, r.key, true
FROM catalog_synonym s, unnest(s.replacements, s.replacement_keys) AS r (phrase, key)
WHERE s.is_active AND s.term_key = ANY (%(phrases)s::text[])
UNION
SELECT r.key, s.term, s.term_key, NOT s.is_one_way
FROM catalog_synonym s, unnest(s.replacement_keys) AS r (key)
WHERE s.is_active AND r.key = ANY (%(phrases)s::text[])
ORDER BY 1, 2
"""

Alike = frozenset[tuple[str, str]]
"""Stems of a query's words, each with the stem of a word that means the same."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A phrase at `start` to `stop` of the query's words, and the phrases that stand for it.

    `alike` are the words in it that have a synonym by themselves.
    """

    start: int
    stop: int
    replacements: tuple[tuple[str, ...], ...]
    alike: Alike = frozenset()


def of(stems: list[str]) -> list[Replaced]:
    """The phrases of a query, given as the stems of its words, that have synonyms: in order, none in another."""
    spans = {
        (start, stop): " ".join(stems[start:stop])
        for start in range(len(stems))
        for stop in range(start + 1, min(start + LONGEST_PHRASE, len(stems)) + 1)
    }
    found: dict[str, list[tuple[str, ...]]] = {}
    alike: set[tuple[str, str]] = set()
    for phrase, replacement, key, finds in statements.fetch(READ, {"phrases": list(set(spans.values()))}):
        words = tokens(normalise(replacement))
        if words and finds:
            found.setdefault(phrase, []).append(tuple(words))
        if " " not in phrase and " " not in key:
            alike.add((phrase, key))
    return _apart(
        [
            Replaced(*span, tuple(found[phrase]), frozenset(alike))
            for span, phrase in spans.items()
            if phrase in found
        ]
    )


def having(phrases: set[str]) -> set[str]:
    """Those of the phrases, given as stems, that have synonyms."""
    return {phrase for phrase, _, _, finds in statements.fetch(READ, {"phrases": list(phrases)}) if finds}


def _apart(replaced: list[Replaced]) -> list[Replaced]:
    """Those that do not overlap a longer or earlier one."""
    taken: set[int] = set()
    kept = []
    for each in sorted(replaced, key=lambda each: (each.start - each.stop, each.start)):
        places = set(range(each.start, each.stop))
        if not places & taken:
            taken |= places
            kept.append(each)
    return sorted(kept, key=lambda each: each.start)
