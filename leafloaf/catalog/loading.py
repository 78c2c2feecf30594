"""A catalogue file into the shop: COPY a chunk, upsert what is new or different, each chunk a transaction.

A column that the file lacks leaves what the shop has; an empty cell empties it. Loading the same file again writes
nothing. Chunks are short because a long writing transaction would hold back everybody's sealing of events.
"""

import gzip
import io
import itertools
import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from leafloaf.catalog import indexing
from leafloaf.catalog.reading import COLUMNS, NotACatalogue, Reader, Rejection, Row

CHUNK = 2000
WRITERS = 2

INCOMING = """
DROP TABLE IF EXISTS pg_temp.catalog_incoming;
CREATE TEMPORARY TABLE catalog_incoming (
    sku varchar(64), name varchar(300), brand text, category text, supplier text, dietary varchar(64)[],
    size varchar(100), description text, attributes jsonb, price numeric(10, 2), currency varchar(3),
    in_stock boolean) ON COMMIT DROP
"""
COPY = """
COPY catalog_incoming (sku, name, brand, category, supplier, dietary, size, description, attributes,
                       price, currency, in_stock) FROM STDIN
"""
BRANDS = """
INSERT INTO catalog_brand (name)
SELECT DISTINCT brand FROM catalog_incoming i
WHERE brand <> '' AND NOT EXISTS (SELECT FROM catalog_brand b WHERE b.name = i.brand)
ORDER BY brand ON CONFLICT DO NOTHING
"""
SUPPLIERS = """
INSERT INTO catalog_supplier (name)
SELECT DISTINCT supplier FROM catalog_incoming i
WHERE supplier <> '' AND NOT EXISTS (SELECT FROM catalog_supplier s WHERE s.name = i.supplier)
ORDER BY supplier ON CONFLICT DO NOTHING
"""
# One level a statement, from the top; the trigger writes the path.
CATEGORIES = """
INSERT INTO catalog_category (name, parent_id)
SELECT level.name, above.id
FROM (SELECT DISTINCT split_part(category, ' > ', %(depth)s) AS name,
             array_to_string((string_to_array(category, ' > '))[:%(depth)s - 1], ' > ') AS above,
             array_to_string((string_to_array(category, ' > '))[:%(depth)s], ' > ') AS path
      FROM catalog_incoming WHERE split_part(category, ' > ', %(depth)s) <> '') AS level
LEFT JOIN catalog_category above ON above.path = level.above
WHERE NOT EXISTS (SELECT FROM catalog_category c WHERE c.path = level.path)
ORDER BY level.path ON CONFLICT DO NOTHING
"""
PRODUCTS = """
WITH target AS (
    SELECT i.sku, i.name,
           CASE WHEN 'brand' = ANY (%(columns)s) THEN b.id ELSE p.brand_id END AS brand_id,
           CASE WHEN 'category' = ANY (%(columns)s) THEN c.id ELSE p.category_id END AS category_id,
           CASE WHEN 'supplier' = ANY (%(columns)s) THEN s.id ELSE p.supplier_id END AS supplier_id,
           CASE WHEN p.id IS NULL OR 'dietary' = ANY (%(columns)s) THEN i.dietary ELSE p.dietary END AS dietary,
           CASE WHEN p.id IS NULL OR 'size' = ANY (%(columns)s) THEN i.size ELSE p.size END AS size,
           CASE WHEN p.id IS NULL OR 'description' = ANY (%(columns)s) THEN i.description
                ELSE p.description END AS description,
           CASE WHEN p.id IS NULL OR 'attributes' = ANY (%(columns)s) THEN i.attributes
                ELSE p.attributes END AS attributes
    FROM catalog_incoming i
    LEFT JOIN catalog_product p ON p.sku = i.sku
    LEFT JOIN catalog_brand b ON b.name = i.brand
    LEFT JOIN catalog_category c ON c.path = i.category
    LEFT JOIN catalog_supplier s ON s.name = i.supplier
)
INSERT INTO catalog_product (sku, name, brand_id, category_id, supplier_id, dietary, size, description, attributes)
SELECT t.* FROM target t LEFT JOIN catalog_product p ON p.sku = t.sku
WHERE p.id IS NULL OR t.* IS DISTINCT FROM
    (p.sku, p.name, p.brand_id, p.category_id, p.supplier_id, p.dietary, p.size, p.description, p.attributes)
ORDER BY t.sku
ON CONFLICT (sku) DO UPDATE
SET (name, brand_id, category_id, supplier_id, dietary, size, description, attributes, updated_at)
  = (excluded.name, excluded.brand_id, excluded.category_id, excluded.supplier_id, excluded.dietary,
     excluded.size, excluded.description, excluded.attributes, now())
RETURNING sku
"""
OFFERS = """
WITH target AS (
    SELECT p.id, i.sku,
           CASE WHEN o IS NULL OR 'price' = ANY (%(columns)s) THEN i.price ELSE o.price END AS price,
           CASE WHEN o IS NULL OR 'currency' = ANY (%(columns)s) THEN i.currency ELSE o.currency END AS currency,
           CASE WHEN o IS NULL OR 'in_stock' = ANY (%(columns)s) THEN i.in_stock ELSE o.in_stock END AS in_stock,
           (o.price, o.currency, o.in_stock) AS before, o.product_id IS NULL AS is_new
    FROM catalog_incoming i
    JOIN catalog_product p ON p.sku = i.sku
    LEFT JOIN catalog_offer o ON o.product_id = p.id
), written AS (
    INSERT INTO catalog_offer (product_id, price, currency, in_stock)
    SELECT id, price, currency, in_stock FROM target
    WHERE is_new OR (price, currency, in_stock) IS DISTINCT FROM before
    ORDER BY id
    ON CONFLICT (product_id) DO UPDATE
    SET (price, currency, in_stock, updated_at) = (excluded.price, excluded.currency, excluded.in_stock, now())
    RETURNING product_id
)
SELECT target.sku FROM target JOIN written ON written.product_id = target.id
"""


Chunk = list[Row | Rejection]


@dataclass(slots=True)
class Report:
    """What became of a file: `read` = `written` + `unchanged` + rejected."""

    read: int = 0
    written: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)


def load(lines: Iterable[str], *, progress: Callable[[int], None] | None = None) -> Report:
    """Load a catalogue from its lines; `progress` hears how many rows were read so far."""
    reader = Reader(lines, currency=settings.LEAFLOAF_CURRENCY)
    columns = _columns(reader.columns)
    report = Report()
    for chunk, written in _written(_chunks(reader), columns):
        rejected = [row for row in chunk if isinstance(row, Rejection)]
        report.rejected += rejected
        report.read += len(chunk)
        report.written += written
        report.unchanged += len(chunk) - len(rejected) - written
        if progress:
            progress(report.read)
    if report.written:
        indexing.refresh()
    return report


def _chunks(reader: Reader) -> Iterator[Chunk]:
    rows = iter(reader)
    while chunk := list(itertools.islice(rows, CHUNK)):
        yield chunk


def _written(chunks: Iterator[Chunk], columns: list[str]) -> Iterator[tuple[Chunk, int]]:
    """Each chunk once it is written, in order, and how many of its products changed.

    Two connections write at once, unless the caller has a transaction open: most of the work is the database's. They
    cannot block each other for good, because every chunk takes its rows in one order: brands, suppliers, categories
    from the top, products, each by name.
    """
    if connection.in_atomic_block:
        yield from ((chunk, _write(chunk, columns)) for chunk in chunks)
        return
    with ThreadPoolExecutor(WRITERS) as writers:
        waiting: deque[tuple[Chunk, Future[int]]] = deque()
        for chunk in chunks:
            waiting.append((chunk, writers.submit(_write_apart, chunk, columns)))
            if len(waiting) > WRITERS:
                first, written = waiting.popleft()
                yield first, written.result()
        yield from ((chunk, written.result()) for chunk, written in waiting)


def _write_apart(chunk: Chunk, columns: list[str]) -> int:
    """In a thread of its own: its connection goes back to the pool."""
    try:
        return _write(chunk, columns)
    finally:
        connection.close()


def load_file(path: str | Path, *, progress: Callable[[int], None] | None = None) -> Report:
    """Load a CSV file, plain or `.gz`; `-` is the standard input."""
    with _opened(str(path)) as lines:
        return load(lines, progress=progress)


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    if path == "-":
        lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")
        yield lines
        lines.detach()
        return
    opening = gzip.open if path.endswith(".gz") else open
    try:
        with opening(path, "rt", encoding="utf-8-sig", newline="") as lines:
            yield lines
    except (OSError, EOFError, zlib.error) as error:
        raise NotACatalogue(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error


def _columns(names: list[str]) -> list[str]:
    """The columns the file decides about; unknown ones are `attributes` together."""
    known = [name for name in names if name in COLUMNS]
    return known if len(known) == len(names) else [*known, "attributes"]


def _write(chunk: Chunk, columns: list[str]) -> int:
    """Upsert one chunk; the number of products that changed."""
    rows = [row for row in chunk if isinstance(row, Row)]
    if not rows:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INCOMING)
        with cursor.copy(COPY) as copy:
            for row in rows:
                copy.write_row(_cells(row))
        cursor.execute(BRANDS)
        cursor.execute(SUPPLIERS)
        for depth in range(1, 1 + max(row.category.count(" > ") + 1 for row in rows)):
            cursor.execute(CATEGORIES, {"depth": depth})
        cursor.execute(PRODUCTS, {"columns": columns})
        changed = {sku for (sku,) in cursor.fetchall()}
        cursor.execute(OFFERS, {"columns": columns})
        changed |= {sku for (sku,) in cursor.fetchall()}
        return len(changed)


def _cells(row: Row) -> tuple[object, ...]:
    texts = (row.sku, row.name, row.brand, row.category, row.supplier)
    traits = (row.dietary, row.size, row.description, Jsonb(row.attributes))
    return (*texts, *traits, row.price, row.currency, row.in_stock)
