"""Which words of queries are nobody's secret: what `settings.QUERY_WORDS` names, for analytics to be told of them.

Those of the catalogue, those said to any shop, and those of queries that at least `SEARCH_ANALYTICS_K` different
shoppers made lately, as the search analytics have counted them (`analytics`): a word of such a query was used by as
many. A word that as many used, but each in another query, is not among them: it is told too late rather than too soon.
"""

from collections.abc import Collection
from functools import cache

from django.conf import settings

from leafloaf.catalog import vocabulary
from leafloaf.lib import statements
from leafloaf.storefront.training_export.known import SMALL_NUMBER, spoken

COMMON = """
    SELECT DISTINCT word FROM storefront_searchquery, string_to_table(query, ' ') AS word
    WHERE shoppers >= %s::bigint AND word = ANY(%s::text[])
"""


def vouched(words: Collection[str]) -> Collection[str]:
    """Those of some normalised words that may be told; two statements, however many there are."""
    unknown = [word for word in words if word not in always() and not SMALL_NUMBER.fullmatch(word)]
    if not unknown:
        return words
    sold = vocabulary.known(unknown)
    common = {word for (word,) in statements.fetch(COMMON, [settings.SEARCH_ANALYTICS_K, unknown])}
    secret = {word for word in unknown if not sold.products(word) and word not in common}
    return {word for word in words if word not in secret}


@cache
def always() -> frozenset[str]:
    return spoken()
