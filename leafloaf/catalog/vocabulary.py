"""What the catalogue knows of words: their terms, how common they are, which are spelt like them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from leafloaf.lib import statements

# The counts are last night's; a shop that has not slept yet is counted as it stands, as far as that is cheap.
KNOWN = """
SELECT w.word, s.term, greatest(coalesce(t.products, 0), live.products), n.products
FROM unnest(%s::text[]) AS w (word)
CROSS JOIN LATERAL (
    SELECT CASE WHEN left(w.word, 1) = '@' THEN w.word ELSE catalog_stem(w.word) END COLLATE "C" AS term) AS s
LEFT JOIN catalog_term t ON t.term = s.term
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS products
    FROM (SELECT FROM catalog_posting p WHERE p.term = s.term LIMIT 100) AS p) AS live
CROSS JOIN catalog_statistics n
"""
# One probe of the index for each neighbour: the planner believes that `&&` finds too much to use it.
ALIKE = """
SELECT k.word, min(k.term), max(k.products)
FROM unnest(catalog_neighbours(%(word)s::text)) AS n (hash)
CROSS JOIN LATERAL (
    SELECT w.word, w.term, w.products FROM catalog_word w
    WHERE w.neighbours @> ARRAY[n.hash] AND length(w.word) BETWEEN %(shortest)s AND %(longest)s OFFSET 0) AS k
GROUP BY k.word
"""
BEGINNING = """
SELECT word, min(term), max(products) FROM catalog_word
WHERE word >= %(start)s::text AND word < %(stop)s::text GROUP BY word ORDER BY 3 DESC, 1 LIMIT %(limit)s
"""
STEMS = "SELECT w.word, catalog_stem(w.word) FROM unnest(%s::text[]) AS w (word)"
HIGHEST = chr(0x10FFFF)


@dataclass(frozen=True, slots=True)
class Word:
    """A word, the term that postings know it by, and how many products have that term."""

    word: str
    term: str
    products: int


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What is known of some words; `size` is the number of products."""

    words: dict[str, Word]
    size: int

    def products(self, word: str) -> int:
        return self.words[word].products if word in self.words else 0


def idf(products: int, size: int) -> float:
    """How much a term says that so many products of `size` have (BM25's, never negative)."""
    size = max(size, products, 1)
    return math.log(1 + (size - products + 0.5) / (products + 0.5))


def known(words: Iterable[str]) -> Vocabulary:
    """The vocabulary of these words; `@brand key` asks for a whole brand."""
    rows = statements.fetch(KNOWN, [list(dict.fromkeys(words))])
    found = {word: Word(word, term, products) for word, term, products, _ in rows if term is not None}
    size = max([row[3] for row in rows] + [row[2] for row in rows], default=0)
    return Vocabulary(found, size)


def alike(word: str, errors: int) -> list[Word]:
    """Words of the catalogue that may lie within so many typing errors, and some that do not."""
    near = {"word": word, "shortest": len(word) - errors, "longest": len(word) + errors}
    return [Word(*row) for row in statements.fetch(ALIKE, near)]


def beginning(start: str, limit: int) -> list[Word]:
    """The commonest words that begin so."""
    between = {"start": start, "stop": start + HIGHEST, "limit": limit}
    return [Word(*row) for row in statements.fetch(BEGINNING, between)]


def stems(words: Iterable[str]) -> dict[str, str]:
    """The term of each word. A stem never changes, so the process remembers those of common words."""
    several = set(words)
    unknown = [word for word in several if word not in _stems]
    fresh = dict(statements.fetch(STEMS, [unknown])) if unknown else {}
    if len(_stems) < MOST_STEMS:
        _stems.update(fresh)
    return {word: fresh[word] if word in fresh else _stems[word] for word in several}


MOST_STEMS = 50_000
_stems: dict[str, str] = {}
