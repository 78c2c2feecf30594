"""How staff find a product in the admin: along the indexes of search, and bounded whatever they write."""

from leafloaf.catalog.plan import MOST_WORDS
from leafloaf.catalog.text import normalise
from leafloaf.catalog.vocabulary import HIGHEST
from leafloaf.lib import statements

MOST_FOUND = 2000
MOST_CANDIDATES = 4000
MOST_FORMS = 50
"""Words of the catalogue that a word of the query may be the beginning of."""
LONGEST_START = 64
"""How much of a name its index holds."""

# The candidates are those with the longest word, in one of the forms that begin so, and those whose name begins as it
# was written; of them, those with every word at the beginning of one of the name or brand.
FIND = """
WITH form AS (
    SELECT catalog_stem(%(longest)s::text) COLLATE "C" AS term
    UNION
    (SELECT term FROM catalog_word WHERE word >= %(longest)s::text AND word < %(longest_stop)s::text
     ORDER BY products DESC LIMIT %(forms)s::int)
), candidate AS (
    (SELECT product_id FROM form CROSS JOIN LATERAL (
        SELECT product_id FROM catalog_posting p WHERE p.term = form.term LIMIT %(candidates)s::int) AS posted
     LIMIT %(candidates)s::int)
    UNION
    (SELECT product_id FROM catalog_productsearch
     WHERE left(name_key, 64) COLLATE "C" >= %(start)s::text AND left(name_key, 64) COLLATE "C" < %(stop)s::text
     LIMIT %(candidates)s::int)
)
SELECT s.product_id FROM candidate JOIN catalog_productsearch s USING (product_id)
WHERE NOT EXISTS (SELECT FROM unnest(%(words)s::text[]) AS w (word)
                  WHERE position(' ' || w.word IN ' ' || s.name_key || ' ' || s.brand_key) = 0)
LIMIT %(most)s::int
"""


def matching(text: str) -> list[int]:
    """The products whose name or brand has words that begin as those of `text` do."""
    words = normalise(text).split()[:MOST_WORDS]
    if not words:
        return []
    start = " ".join(words)[:LONGEST_START]
    longest = max(words, key=len)
    asked = {
        "longest": longest,
        "longest_stop": longest + HIGHEST,
        "forms": MOST_FORMS,
        "candidates": MOST_CANDIDATES,
        "start": start,
        "stop": start + HIGHEST,
        "words": words,
        "most": MOST_FOUND,
    }
    return [product_id for (product_id,) in statements.fetch(FIND, asked)]
