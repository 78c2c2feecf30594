"""The shelves that a query names: *milk* those called Milk, *pasta sauce* those called Pasta Sauces, and all below."""

from collections.abc import Collection, Sequence

from leafloaf.lib import statements

FACTOR = 1.15
"""What a product's score is multiplied by on a shelf that is called what the shopper asks for."""

# Every level of a path is a shelf of its own, and each part of "Beans & Lentils" a name of it.
NAMED = """
SELECT n.key, array_agg(DISTINCT c.id)
FROM (SELECT s.path_key, k.key FROM catalog_category s, unnest(s.shelf_keys) AS k (key)
      WHERE s.shelf_keys && %(phrases)s::text[] AND k.key = ANY (%(phrases)s::text[])) AS n
JOIN catalog_category c ON starts_with(c.path_key || ' > ', n.path_key || ' > ')
GROUP BY n.key
"""


def named(stems: Sequence[str], others: Collection[str]) -> tuple[int, ...]:
    """The shelves called by these words, or else by a word that stands for them."""
    phrases = [" ".join(stems), *sorted(others)]
    found = dict(statements.fetch(NAMED, {"phrases": phrases}))
    return next((tuple(found[phrase]) for phrase in phrases if phrase in found), ())
