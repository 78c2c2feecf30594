"""Which words stand for a query's words: `lait` finds milk, `sans lactose` lactose free. Staff edit them."""

from dataclasses import dataclass

from leafloaf.catalog.text import normalise, tokens
from leafloaf.lib import statements

LONGEST_PHRASE = 4

# Both directions of a row; the shop has some hundreds of rows, so they are read as they stand, never from a copy.
READ = """
SELECT s.term_key, r.phrase
FROM catalog_synonym s, unnest(s.replacements) AS r (phrase)
WHERE s.is_active AND s.term_key = ANY (%(phrases)s::text[])
UNION
SELECT r.key, s.term
FROM catalog_synonym s, unnest(s.replacement_keys) AS r (key)
WHERE s.is_active AND NOT s.is_one_way AND r.key = ANY (%(phrases)s::text[])
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A phrase at `start` to `stop` of the query's words, and the phrases that stand for it."""

    start: int
    stop: int
    replacements: tuple[tuple[str, ...], ...]


def of(stems: list[str]) -> list[Replaced]:
    """The phrases of a query, given as the stems of its words, that have synonyms: in order, none in another."""
    spans = {
        (start, stop): " ".join(stems[start:stop])
        for start in range(len(stems))
        for stop in range(start + 1, min(start + LONGEST_PHRASE, len(stems)) + 1)
    }
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase, replacement in statements.fetch(READ, {"phrases": list(set(spans.values()))}):
        if words := tokens(normalise(replacement)):
            found.setdefault(phrase, []).append(tuple(words))
    return _apart(
        [Replaced(*span, tuple(found[phrase])) for span, phrase in spans.items() if phrase in found]
    )


def having(phrases: set[str]) -> set[str]:
    """Those of the phrases, given as stems, that have synonyms."""
    return {phrase for phrase, _ in statements.fetch(READ, {"phrases": list(phrases)})}


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
