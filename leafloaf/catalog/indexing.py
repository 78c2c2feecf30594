"""Upkeep of the keyword index. The rows follow every product by themselves; what is counted over them does not."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection, transaction

BATCH = 5000
# What one connection counts, and the tables that it makes tidy afterwards.
HALVES = (
    ("catalog_refresh_terms", "catalog_posting, catalog_term, catalog_document"),
    (
        "catalog_refresh_words",
        "catalog_productsearch, catalog_word, catalog_completion, catalog_tally, catalog_product, catalog_offer",
    ),
)


def refresh() -> None:
    """Count anew how common each term and word is, and mark the best postings of frequent terms.

    Nightly and after a load, on two connections at once unless the caller has a transaction open. Searches go on
    meanwhile, with the counts of before.
    """
    if connection.in_atomic_block:
        for function, _ in HALVES:
            _call(function)
        return
    with ThreadPoolExecutor(len(HALVES)) as pool:
        list(pool.map(lambda half: _refresh_apart(*half), HALVES))


def _refresh_apart(function: str, tables: str) -> None:
    """In a thread of its own: its connection goes back to the pool."""
    try:
        with transaction.atomic():
            _call(function)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute(f"VACUUM (ANALYZE) {tables}")
            cursor.execute("RESET statement_timeout")
    finally:
        connection.close()


def _call(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(f"SELECT {function}()")


def rebuild(workers: int = 2) -> int:
    """Write every product's search rows anew where they differ; how many products there are.

    Nothing but a changed function needs it: the rows follow every write by themselves. Searches go on meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM catalog_product ORDER BY id")
        ids = [pk for (pk,) in cursor.fetchall()]
    batches = [ids[at : at + BATCH] for at in range(0, len(ids), BATCH)]
    if connection.in_atomic_block:
        for batch in batches:
            reindex(batch)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(_reindex_apart, batches))
    refresh()
    return len(ids)


def reindex(ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT catalog_reindex(%s)", [ids])


def _reindex_apart(ids: list[int]) -> None:
    """In a thread of its own: its connection goes back to the pool."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            reindex(ids)
    finally:
        connection.close()
