"""The keyword index: a document of weighted terms for every product, and the postings that search reads.

catalog_document holds a product's terms with their impacts, catalog_posting the same turned round, by term. An impact
depends on the product alone (field lengths are compared with fixed pivots, not with averages), so a row never has to
be written again because other products came or went. How common a term is stands in catalog_term, counted at night and
after a load. catalog_word keeps the words as they are written, for spelling and completion; a word may stand there
twice for a while, because a unique index would make two writers wait for each other. Nothing but the triggers and
functions below writes these tables, so they have no models.
"""

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

TABLES = """
CREATE TABLE catalog_document (
    product_id bigint PRIMARY KEY,
    terms text[] COLLATE "C" NOT NULL,
    impacts real[] NOT NULL
);
CREATE TABLE catalog_posting (
    term text COLLATE "C" NOT NULL,
    product_id bigint NOT NULL,
    impact real NOT NULL,
    is_best boolean NOT NULL DEFAULT false,
    PRIMARY KEY (term, product_id) INCLUDE (impact)
);
CREATE INDEX catalog_posting_best ON catalog_posting (term, product_id) INCLUDE (impact) WHERE is_best;
CREATE TABLE catalog_term (
    term text COLLATE "C" PRIMARY KEY,
    products integer NOT NULL,
    best_impact real
);
CREATE TABLE catalog_word (
    word text COLLATE "C" NOT NULL,
    term text COLLATE "C" NOT NULL,
    products integer NOT NULL DEFAULT 0,
    neighbours integer[] NOT NULL
);
CREATE INDEX catalog_word_word ON catalog_word (word);
CREATE INDEX catalog_word_neighbours ON catalog_word USING gin (neighbours);
CREATE TABLE catalog_statistics (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    products integer NOT NULL DEFAULT 0,
    refreshed_at timestamptz
);
INSERT INTO catalog_statistics DEFAULT VALUES;
"""
TABLES_BACK = """
DROP TABLE catalog_statistics, catalog_word, catalog_term, catalog_posting, catalog_document;
"""

# A quantity written without its space is two words: 500g is 500 g. The head noun is the last word of a name's first
# phrase: milk in "Chocolate Milk, 2 L", chocolate in "Chocolate with milk". Neighbours are a word's first seven letters
# with up to two of them left out, hashed: two words within two typing errors of each other share one.
WORDS = r"""
CREATE FUNCTION catalog_tokens(words text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT string_to_array(regexp_replace(words,
        '(?<![^ ])([0-9.]+)(mg|g|gr|kg|oz|lb|lbs|ml|cl|dl|l|gal|qt|pt|ct|pk|mm|cm|in|ft)(?![^ ])', '\1 \2', 'g'), ' ')
$$;
CREATE FUNCTION catalog_stem(word text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (ts_lexize('catalog_english_stem', left(word, 64)))[1];
CREATE FUNCTION catalog_head(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT catalog_stem(word)
    FROM unnest(catalog_tokens(catalog_normalise(regexp_replace(
        name, '[,(;|:/].*$| - .*$| (with|in|for|from|of|de|au|aux|avec|sans|without) .*$', '', 'i'))))
        WITH ORDINALITY AS t (word, place)
    WHERE word !~ '^([0-9.]+(pct|x)?|mg|g|gr|kg|oz|lb|lbs|ml|cl|dl|l|gal|qt|pt|ct|pk|pack)$'
    ORDER BY place DESC LIMIT 1
$$;
CREATE FUNCTION catalog_neighbours(word text) RETURNS integer[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_agg(DISTINCT hashtext(
        CASE WHEN i = 0 THEN start
             WHEN j = 0 THEN left(start, i - 1) || substr(start, i + 1)
             ELSE left(start, j - 1) || substr(start, j + 1, i - j - 1) || substr(start, i + 1) END))
    FROM (SELECT left(word, 7) AS start) AS s,
         generate_series(0, length(start)) AS i, generate_series(0, greatest(i - 1, 0)) AS j
$$;
"""
WORDS_BACK = """
DROP FUNCTION catalog_neighbours(text);
DROP FUNCTION catalog_head(text);
DROP FUNCTION catalog_stem(text);
DROP FUNCTION catalog_tokens(text);
"""

# BM25F: each field's words weigh its weight (name and brand 3, category, size, dietary marks and attributes 2,
# description .5), divided by how long the field is beside its pivot (b = .75); the sum saturates (k1 = 1.2). A word
# counts once in a field, and each time in the description: a name gains nothing by saying coffee three times. Beside
# the stems stand '^head' for the head noun and '@brand' for the whole brand; no word of a text looks like these.
DOCUMENT = """
CREATE FUNCTION catalog_document_of(
    name text, brand text, traits text, description text, head text)
RETURNS TABLE (terms text[], impacts real[]) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH field AS (
        SELECT weight / (0.25 + 0.75 * cardinality(tokens) / pivot) AS weight, most, pivot, tokens
        FROM (VALUES (catalog_tokens(name), 3.0::real, 6, 1), (catalog_tokens(brand), 3.0, 2, 1),
                     (catalog_tokens(traits), 2.0, 8, 1), (catalog_tokens(description), 0.5, 40, 100))
            AS f (tokens, weight, pivot, most)
        WHERE tokens <> '{}'
    ), stem AS MATERIALIZED (
        SELECT term, sum(weight) AS weight
        FROM (SELECT catalog_stem(word) AS term, max(weight) * least(count(*), max(most)) AS weight
              FROM field, unnest(tokens) AS word WHERE word <> '' GROUP BY 1, pivot) AS f
        GROUP BY 1
    ), said AS (
        SELECT term, weight * 2.2 / (weight + 1.2) AS impact FROM stem
        UNION ALL SELECT '^' || term, weight * 2.2 / (weight + 1.2) FROM stem WHERE term = head
        UNION ALL SELECT '@' || left(brand, 200), 1 WHERE brand <> ''
    )
    SELECT coalesce(array_agg(term ORDER BY term), '{}'), coalesce(array_agg(impact::real ORDER BY term), '{}') FROM said
$$;
"""

REINDEX = r"""
CREATE OR REPLACE FUNCTION catalog_reindex(ids bigint[]) RETURNS void LANGUAGE sql AS $$
    WITH source AS MATERIALIZED (
        SELECT p.id, p.brand_id, p.category_id, p.dietary::text[], catalog_normalise(p.name) AS name_key,
               catalog_head(p.name) AS head,
               coalesce(b.name_key, '') AS brand_key, replace(coalesce(c.path_key, ''), ' > ', ' ') AS category_key,
               ARRAY(SELECT DISTINCT catalog_normalise(mark) FROM unnest(p.dietary) AS mark ORDER BY 1) AS dietary_keys,
               catalog_normalise(left(p.size || ' ' || array_to_string(p.dietary, ' ') || ' ' || coalesce((
                   SELECT string_agg(value, ' ' ORDER BY key) FROM jsonb_each_text(p.attributes)
                   WHERE value !~* '^(true|false|yes|no|[0-9.]+|https?:.*)$'), ''), 20000)) AS traits,
               CASE WHEN p.description = '' THEN '' ELSE catalog_normalise(left(p.description, 20000)) END AS description
        FROM catalog_product p
        LEFT JOIN catalog_brand b ON b.id = p.brand_id
        LEFT JOIN catalog_category c ON c.id = p.category_id
        WHERE p.id = ANY (ids)
    ), fresh AS MATERIALIZED (
        SELECT s.*, d.terms, d.impacts
        FROM source s CROSS JOIN LATERAL catalog_document_of(
            s.name_key, s.brand_key, s.category_key || ' ' || s.traits, s.description, s.head) AS d
    ), searched AS (
        INSERT INTO catalog_productsearch AS s (product_id, brand_id, category_id, name_key, brand_key, dietary, dietary_keys)
        SELECT id, brand_id, category_id, name_key, brand_key, dietary, dietary_keys FROM fresh ORDER BY id
        ON CONFLICT (product_id) DO UPDATE
        SET (brand_id, category_id, name_key, brand_key, dietary, dietary_keys) = (excluded.brand_id,
            excluded.category_id, excluded.name_key, excluded.brand_key, excluded.dietary, excluded.dietary_keys)
        WHERE (s.brand_id, s.category_id, s.name_key, s.brand_key, s.dietary) IS DISTINCT FROM
            (excluded.brand_id, excluded.category_id, excluded.name_key, excluded.brand_key, excluded.dietary)
    ), changed AS MATERIALIZED (
        SELECT f.id, f.terms, f.impacts, o.terms AS old_terms
        FROM fresh f LEFT JOIN catalog_document o ON o.product_id = f.id
        WHERE (o.terms, o.impacts) IS DISTINCT FROM (f.terms, f.impacts)
    ), documented AS (
        INSERT INTO catalog_document (product_id, terms, impacts)
        SELECT id, terms, impacts FROM changed ORDER BY id
        ON CONFLICT (product_id) DO UPDATE SET (terms, impacts) = (excluded.terms, excluded.impacts)
    ), removed AS (
        DELETE FROM catalog_posting p USING changed c, unnest(c.old_terms) AS o (term)
        WHERE p.term = o.term AND p.product_id = c.id AND o.term <> ALL (c.terms)
    ), posted AS (
        INSERT INTO catalog_posting AS p (term, product_id, impact, is_best)
        SELECT t.term, c.id, t.impact, coalesce(t.impact >= k.best_impact, false)
        FROM changed c CROSS JOIN LATERAL unnest(c.terms, c.impacts) AS t (term, impact)
        LEFT JOIN catalog_term k ON k.term = t.term
        ORDER BY t.term, c.id
        ON CONFLICT (term, product_id) DO UPDATE SET (impact, is_best) = (excluded.impact, excluded.is_best)
        WHERE (p.impact, p.is_best) IS DISTINCT FROM (excluded.impact, excluded.is_best)
    ), word AS (
        SELECT DISTINCT w.word COLLATE "C" AS word
        FROM fresh f, unnest(string_to_array(concat_ws(' ', f.name_key, f.brand_key, f.category_key), ' ')) AS w (word)
        WHERE w.word ~ '^[^0-9]{3,40}$'
    )
    INSERT INTO catalog_word (word, term, products, neighbours)
    SELECT w.word, catalog_stem(w.word), 1, catalog_neighbours(w.word) FROM word w
    WHERE NOT EXISTS (SELECT FROM catalog_word k WHERE k.word = w.word AND k.products > 0)
$$
"""

GONE = """
CREATE FUNCTION catalog_search_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM catalog_document d USING removed r WHERE d.product_id = r.product_id
        RETURNING d.product_id, d.terms
    )
    DELETE FROM catalog_posting p USING gone g, unnest(g.terms) AS t (term)
    WHERE p.term = t.term AND p.product_id = g.product_id;
    RETURN NULL;
END
$$;
CREATE FUNCTION catalog_search_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE catalog_document, catalog_posting, catalog_term, catalog_word;
    UPDATE catalog_statistics SET products = 0, refreshed_at = NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER catalog_search_removed AFTER DELETE ON catalog_productsearch
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_search_removed();
CREATE TRIGGER catalog_search_emptied AFTER TRUNCATE ON catalog_productsearch
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_search_emptied();
"""
GONE_BACK = """
DROP TRIGGER catalog_search_emptied ON catalog_productsearch;
DROP TRIGGER catalog_search_removed ON catalog_productsearch;
DROP FUNCTION catalog_search_emptied();
DROP FUNCTION catalog_search_removed();
"""

# The best postings of a term that more than 15,000 products have: the 2,000 of highest impact, and their equals.
REFRESH = """
CREATE FUNCTION catalog_refresh_statistics() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE catalog_statistics IN EXCLUSIVE MODE;
    UPDATE catalog_statistics SET refreshed_at = now(), products = (SELECT count(*) FROM catalog_productsearch);

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


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0002_search_rows")]

    operations: ClassVar = [
        migrations.RemoveIndex("productsearch", "catalog_search_document"),
        migrations.RemoveField("productsearch", "document"),
        migrations.AddField(
            "productsearch",
            "brand",
            models.ForeignKey(
                "catalog.Brand",
                on_delete=django.db.models.deletion.DO_NOTHING,
                null=True,
                related_name="+",
                db_constraint=False,
                db_index=False,
                editable=False,
            ),
        ),
        migrations.AddField(
            "productsearch",
            "category",
            models.ForeignKey(
                "catalog.Category",
                on_delete=django.db.models.deletion.DO_NOTHING,
                null=True,
                related_name="+",
                db_constraint=False,
                db_index=False,
                editable=False,
            ),
        ),
        migrations.AddField(
            "productsearch",
            "dietary",
            django.contrib.postgres.fields.ArrayField(models.TextField(), default=list),
            preserve_default=False,
        ),
        migrations.RunSQL(TABLES, TABLES_BACK),
        migrations.RunSQL(WORDS, WORDS_BACK),
        migrations.RunSQL(DOCUMENT, "DROP FUNCTION catalog_document_of(text, text, text, text, text)"),
        migrations.RunSQL(REINDEX, migrations.RunSQL.noop),
        migrations.RunSQL(GONE, GONE_BACK),
        migrations.RunSQL(REFRESH, "DROP FUNCTION catalog_refresh_statistics()"),
        migrations.RunSQL(
            "SELECT catalog_reindex(ARRAY(SELECT id FROM catalog_product))", migrations.RunSQL.noop
        ),
    ]
