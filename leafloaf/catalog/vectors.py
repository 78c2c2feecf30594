"""The vector of every product, kept up with its name and brand in the background.

* Triggers write what changed into `catalog_embeddingdue`, whoever changed it; nothing is embedded in a save.
* A worker leases some of it, so that another does not do the same work; a lease ends by itself.
* A text is read after its lease, and its vector is kept only if the product has not changed since.
* A worker never waits for a row that somebody who saves a product holds.
"""

import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from leafloaf.catalog import semantic
from leafloaf.lib import statements

BATCH = 256  # under a second of work
LEASE = "1 minute"
# Fewer are compared one by one in less than a millisecond or two.
FEWEST_FOR_INDEX = 2000
INDEX = "catalog_productembedding_nearest"
BYTES_A_PRODUCT = 1800  # while the index is built

PREPARE = "SELECT catalog_prepare_embeddings()"
WATCHED = """
SELECT catalog_watch(made) FROM to_regclass('catalog_productembedding') AS made
WHERE made IS NOT NULL AND NOT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = made AND tgname = 'catalog_productembedding_changed_by_insert')
"""
HAS_TABLE = "SELECT to_regclass('catalog_embeddingdue') IS NOT NULL"
WAITING = "SELECT count(*) FROM catalog_embeddingdue"
LEASED = """
UPDATE catalog_embeddingdue SET leased_until = clock_timestamp() + %s::interval
WHERE product_id IN (
    SELECT product_id FROM catalog_embeddingdue WHERE leased_until < clock_timestamp()
    ORDER BY product_id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING product_id, changed_at
"""
TEXTS = """
SELECT p.id, p.name, coalesce(b.name, '')
FROM catalog_product p LEFT JOIN catalog_brand b ON b.id = p.brand_id WHERE p.id = ANY (%s::bigint[])
"""
WRITE = """
WITH made AS (
    SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS made (product_id, changed_at, vector)
), mine AS (
    SELECT d.product_id, made.vector FROM catalog_embeddingdue d
    JOIN made ON made.product_id = d.product_id AND made.changed_at = d.changed_at
    FOR UPDATE OF d SKIP LOCKED
), done AS (
    DELETE FROM catalog_embeddingdue d USING mine WHERE d.product_id = mine.product_id
)
INSERT INTO catalog_productembedding (product_id, vector) SELECT product_id, vector::halfvec FROM mine
ON CONFLICT (product_id) DO UPDATE SET vector = excluded.vector
RETURNING product_id
"""
INDEX_STATE = """
SELECT (SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass(%s::text)),
       (SELECT count(*) FROM catalog_productembedding)
"""


def prepare() -> str:
    """Makes the tables where there are none; why that cannot be, as a sentence, or nothing.

    From then on a vector that is new or gone is a new version of the catalogue.
    """
    reason = str(statements.fetch(PREPARE)[0][0])
    statements.fetch(WATCHED)
    return reason


def waiting() -> int:
    """How many products have no vector, or that of an older text."""
    return int(statements.fetch(WAITING)[0][0]) if _is_prepared() else 0


def update(budget_seconds: float = 60.0, *, progress: Callable[[int], None] | None = None) -> int:
    """Embeds what is new or changed until nothing is or the time is up; how many products that were.

    Once nothing is left and the products are many, their index is built, if there is none.
    """
    if semantic.why_no_model() or not _is_prepared():
        return 0
    until, done = time.monotonic() + budget_seconds, 0
    while time.monotonic() < until:
        leased = statements.fetch(LEASED, (LEASE, BATCH))
        if not leased:
            build_index()
            break
        done += _embed(dict(leased))
        if progress:
            progress(done)
    return done


def text(name: str, brand: str) -> str:
    """What is embedded of a product: its name, after its brand where the name does not say it."""
    return name if brand.casefold() in name.casefold() else f"{brand} {name}"


def build_index(fewest: int = FEWEST_FOR_INDEX) -> bool:
    """Builds the index of nearest products where it is missing and they are at least so many; true if it was."""
    is_valid, rows = statements.fetch(INDEX_STATE, (INDEX,))[0]
    if is_valid or rows < fewest:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [INDEX])
        if not cursor.fetchone()[0]:
            return False  # somebody else is at it
        try:
            _build(cursor, rows)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [INDEX])
            cursor.execute("RESET statement_timeout")
            cursor.execute("RESET maintenance_work_mem")
            cursor.execute("RESET max_parallel_maintenance_workers")
    return True


def _build(cursor: Any, rows: int) -> None:
    # One process: several would need as much shared memory, of which a container has little.
    cursor.execute("SET max_parallel_maintenance_workers = 0")
    cursor.execute(f"SET maintenance_work_mem = '{max(65_536, rows * BYTES_A_PRODUCT // 1024)}kB'")
    cursor.execute("SET statement_timeout = 0")
    # What a killed build has left is no use; searches and saves go on beside a concurrent one.
    cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
    cursor.execute(
        f"CREATE INDEX CONCURRENTLY {INDEX} ON catalog_productembedding USING hnsw (vector halfvec_ip_ops)"
    )


def _is_prepared() -> bool:
    return bool(statements.fetch(HAS_TABLE)[0][0])


def _embed(leased: dict[int, Any]) -> int:
    texts = {pk: text(name, brand) for pk, name, brand in statements.fetch(TEXTS, (list(leased),))}
    vectors = semantic.encoder().encode(list(texts.values()))
    written = statements.fetch(
        WRITE, (list(texts), [leased[pk] for pk in texts], [semantic.literal(vector) for vector in vectors])
    )
    return len(written)
