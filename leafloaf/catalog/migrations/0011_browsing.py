"""What browsing a large shop reads in place of all its products: counts of last night, and prices in order."""

from typing import ClassVar

from django.db import migrations

TABLES = """
CREATE TABLE catalog_tally (
    category_id bigint,
    brand_id bigint,
    dietary text[] NOT NULL,
    dietary_keys text[] NOT NULL,
    products integer NOT NULL
);
CREATE INDEX catalog_offer_price ON catalog_offer (price, product_id) WHERE price IS NOT NULL;
CREATE INDEX catalog_search_dietary ON catalog_productsearch USING gin (dietary_keys);
"""
TABLES_BACK = """
DROP INDEX catalog_search_dietary;
DROP INDEX catalog_offer_price;
DROP TABLE catalog_tally;
"""

EMPTIED = """
CREATE OR REPLACE FUNCTION catalog_search_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE catalog_document, catalog_posting, catalog_term, catalog_word, catalog_tally;
    UPDATE catalog_statistics SET products = 0, refreshed_at = NULL;
    RETURN NULL;
END
$$;
"""
EMPTIED_BACK = EMPTIED.replace(", catalog_tally", "")

# Small shops are counted as they stand (leafloaf/catalog/browse.py).
REFRESH = """
CREATE FUNCTION catalog_refresh_tallies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM catalog_tally;
    INSERT INTO catalog_tally (category_id, brand_id, dietary, dietary_keys, products)
    SELECT category_id, brand_id, dietary, dietary_keys, count(*) FROM catalog_productsearch
    WHERE (SELECT products FROM catalog_statistics) > 15000
    GROUP BY 1, 2, 3, 4;
    ANALYZE catalog_tally;
    RETURN NULL;
END
$$;
CREATE TRIGGER catalog_tallies AFTER UPDATE OF refreshed_at ON catalog_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_refresh_tallies();
UPDATE catalog_statistics SET products = (SELECT count(*) FROM catalog_productsearch), refreshed_at = refreshed_at;
"""
REFRESH_BACK = """
DROP TRIGGER catalog_tallies ON catalog_statistics;
DROP FUNCTION catalog_refresh_tallies();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0010_shelves")]

    operations: ClassVar = [
        migrations.RunSQL(TABLES, TABLES_BACK),
        migrations.RunSQL(EMPTIED, EMPTIED_BACK),
        migrations.RunSQL(REFRESH, REFRESH_BACK),
    ]
