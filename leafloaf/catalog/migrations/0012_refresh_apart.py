"""Counting anew in two halves, so that two connections can share the work: terms, and words with what is typed."""

from importlib import import_module
from typing import ClassVar

from django.db import migrations

AS_ONE: str = import_module("leafloaf.catalog.migrations.0003_keyword_index").REFRESH

# The best postings of a term that more than 15,000 products have: the 2,000 of highest impact, and their equals.
TERMS = """
CREATE FUNCTION catalog_refresh_terms() RETURNS void LANGUAGE plpgsql SET work_mem = '64MB' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('catalog_refresh_terms'));
    INSERT INTO catalog_term AS t (term, products)
    SELECT p.term, count(*) FROM catalog_posting p GROUP BY p.term ORDER BY p.term
    ON CONFLICT (term) DO UPDATE SET products = excluded.products WHERE t.products <> excluded.products;
    DELETE FROM catalog_term t WHERE NOT EXISTS (SELECT FROM catalog_posting p WHERE p.term = t.term);

    UPDATE catalog_term t SET best_impact = n.best_impact
    FROM (SELECT k.term, CASE WHEN k.products > 15000 THEN (
              SELECT p.impact FROM catalog_posting p WHERE p.term = k.term
              ORDER BY p.impact DESC OFFSET 1999 LIMIT 1) END AS best_impact
          FROM catalog_term k WHERE k.products > 15000 OR k.best_impact IS NOT NULL) AS n
    WHERE t.term = n.term AND t.best_impact IS DISTINCT FROM n.best_impact;
    UPDATE catalog_posting p SET is_best = false FROM catalog_term t
    WHERE p.is_best AND t.term = p.term AND (t.best_impact IS NULL OR p.impact < t.best_impact);
    UPDATE catalog_posting p SET is_best = true FROM catalog_term t
    WHERE t.best_impact IS NOT NULL AND p.term = t.term AND p.impact >= t.best_impact AND NOT p.is_best;
END
$$;
"""

# Writing the statistics sets off the counting of completions and tallies.
WORDS = """
CREATE FUNCTION catalog_refresh_words() RETURNS void LANGUAGE plpgsql SET work_mem = '64MB' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('catalog_refresh_words'));
    UPDATE catalog_statistics SET refreshed_at = now(), products = (SELECT count(*) FROM catalog_productsearch);

    CREATE TEMPORARY TABLE catalog_counted ON COMMIT DROP AS
    SELECT * FROM (
        SELECT w.word COLLATE "C" AS word, count(*) AS products
        FROM catalog_productsearch s
        LEFT JOIN catalog_category c ON c.id = s.category_id,
             unnest(string_to_array(
                 concat_ws(' ', s.name_key, s.brand_key, replace(coalesce(c.path_key, ''), ' > ', ' ')), ' ')) AS w (word)
        GROUP BY 1) AS w
    WHERE word ~ '^[^0-9]{3,40}$';
    ANALYZE catalog_counted;
    INSERT INTO catalog_counted SELECT w.word, 0 FROM catalog_synonym_words() AS w (word)
    WHERE NOT EXISTS (SELECT FROM catalog_counted c WHERE c.word = w.word);
    DELETE FROM catalog_word w WHERE NOT EXISTS (SELECT FROM catalog_counted c WHERE c.word = w.word)
        OR EXISTS (SELECT FROM catalog_word o WHERE o.word = w.word AND o.ctid < w.ctid);
    UPDATE catalog_word w SET products = c.products FROM catalog_counted c
    WHERE c.word = w.word AND w.products <> c.products;
    DROP TABLE catalog_counted;
END
$$;
"""

BOTH = """
CREATE OR REPLACE FUNCTION catalog_refresh_statistics() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalog_refresh_words();
    PERFORM catalog_refresh_terms();
END
$$;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0011_browsing")]

    operations: ClassVar = [
        migrations.RunSQL(TERMS, "DROP FUNCTION catalog_refresh_terms()"),
        migrations.RunSQL(WORDS, "DROP FUNCTION catalog_refresh_words()"),
        migrations.RunSQL(BOTH, AS_ONE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
    ]
