"""What Postgres does without LeafLoaf: a stored, weighted vector of English stems with a GIN index."""

from collections.abc import Sequence

import psycopg
from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connection
from django.db.models import F

from bench.search.catalogues import Product
from bench.search.engines import PAGE
from bench.search.plain.models import PlainProduct

TABLE = """
CREATE TEMPORARY TABLE incoming (sku text, name text, brand text, traits text, description text);
CREATE TABLE bench_plain_product (sku text PRIMARY KEY, document tsvector NOT NULL)
"""
FILL = """
INSERT INTO bench_plain_product
SELECT sku, setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', brand), 'B')
         || setweight(to_tsvector('english', traits), 'C') || setweight(to_tsvector('english', description), 'D')
FROM incoming
"""
# The words that `plainto_tsquery` joins with AND, and the same joined with OR.
ALL, ANY = (
    f"""
    SELECT sku FROM bench_plain_product,
         (SELECT replace(plainto_tsquery('english', %s)::text, '&', '{operator}')::tsquery AS value) AS asked
    WHERE document @@ asked.value
    ORDER BY ts_rank(document, asked.value) DESC LIMIT {PAGE}
    """  # noqa: S608
    for operator in "&|"
)


class DjangoDefault:
    """`SearchQuery(search_type="websearch")` and `SearchRank`, as in Django's documentation."""

    name = "Django's full text, websearch"

    def __init__(self, url: str) -> None:
        self.url = url

    def build(self, products: Sequence[Product]) -> None:
        with psycopg.connect(self.url) as own:
            own.execute("SET statement_timeout = 0")
            own.execute(TABLE)
            with own.cursor().copy("COPY incoming FROM STDIN") as copy:
                for one in products:
                    copy.write_row(
                        (one.sku, one.name, one.brand, f"{one.category} {one.traits}", one.description)
                    )
            own.execute(FILL)
            own.execute("CREATE INDEX ON bench_plain_product USING gin (document)")

    def top(self, query: str) -> list[str]:
        asked = SearchQuery(query, config="english", search_type="websearch")
        found = PlainProduct.objects.filter(document=asked).annotate(rank=SearchRank(F("document"), asked))
        return list(found.order_by("-rank").values_list("sku", flat=True)[:PAGE])

    def close(self) -> None:
        return


class AndThenOr:
    """All words, and any of them when nothing has all. Asks the table that the other has made."""

    name = "Postgres, AND then OR"

    def build(self, products: Sequence[Product]) -> None:
        return

    def top(self, query: str) -> list[str]:
        return self.asked(ALL, query) or self.asked(ANY, query)

    def asked(self, statement: str, query: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(statement, [query])
            return [sku for (sku,) in cursor.fetchall()]

    def close(self) -> None:
        return
