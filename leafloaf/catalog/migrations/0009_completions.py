"""What a query that is being typed may become: phrases of the products' names, brands and categories, counted.

A row stands for one place that typing may begin at: "oat milk" has a row that starts with oat and one, later in the
phrase, that starts with milk. The rows are written whenever the statistics are (at night and after a load), from at
most 50,000 products evenly chosen. Nothing but the function below writes them, so they have no model; product names
are no part of them, for they are completed from the search rows, at once.
"""

from typing import ClassVar

from django.db import migrations

# A name may be longer than an entry of an index can be.
TABLES = """
CREATE TABLE catalog_completion (
    kind text COLLATE "C" NOT NULL,
    start text COLLATE "C" NOT NULL,
    is_later boolean NOT NULL,
    products integer NOT NULL,
    text text NOT NULL,
    path text,
    terms text[] COLLATE "C" NOT NULL
);
CREATE INDEX catalog_completion_start ON catalog_completion (kind, start);
CREATE INDEX catalog_search_name ON catalog_productsearch (left(name_key, 64) COLLATE "C");
"""
TABLES_BACK = """
DROP INDEX catalog_search_name;
DROP TABLE catalog_completion;
"""

# Those of leafloaf/catalog/plan.py. A text of nothing else keeps them.
CONTENT = """
CREATE FUNCTION catalog_is_filler(word text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT word = ANY ('{a,an,and,for,in,of,on,some,the,to,with,au,aux,avec,d,de,des,du,en,et,l,la,le,les,pour,qu,un,une}')
$$;
CREATE FUNCTION catalog_content(key text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(nullif(array_to_string(ARRAY(
        SELECT word FROM unnest(string_to_array(key, ' ')) WITH ORDINALITY AS w (word, place)
        WHERE NOT catalog_is_filler(word) ORDER BY place), ' '), ''), key)
$$;
CREATE FUNCTION catalog_starts(content text, OUT start text, OUT is_later boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT left(array_to_string(words[place:], ' '), 200), place > 1
    FROM (SELECT string_to_array(content, ' ') AS words) AS w, generate_series(1, least(cardinality(words), 8)) AS place
$$;
CREATE FUNCTION catalog_terms(key text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT catalog_stem(t)), '{}') FROM unnest(catalog_tokens(key)) AS t WHERE t <> ''
$$;
"""
CONTENT_BACK = """
DROP FUNCTION catalog_terms(text);
DROP FUNCTION catalog_starts(text);
DROP FUNCTION catalog_content(text);
DROP FUNCTION catalog_is_filler(text);
"""

# A phrase has up to four words of one part of a name, begins and ends with one that means something, and is the end of
# such a part, but for its size, often enough: "whole milk", never "organic whole". Of forms with the same stems the commonest is shown.
PHRASES = r"""
CREATE FUNCTION catalog_refresh_phrases() RETURNS void LANGUAGE plpgsql SET work_mem = '64MB' SET jit = off AS $$
DECLARE
    size bigint := (SELECT count(*) FROM catalog_product);
    step bigint := greatest(1, size / 50000);
    fewest integer := CASE WHEN size > 10000 THEN 3 ELSE 2 END;
BEGIN
    CREATE TEMPORARY TABLE catalog_part ON COMMIT DROP AS
    SELECT row_number() OVER () AS id, string_to_array(btrim(regexp_replace(part, '\s+', ' ', 'g')), ' ') AS words
    FROM catalog_product p,
         regexp_split_to_table(lower(p.name), '[;:()\[\]|]+|[,/](?![0-9])|\s[-\u2013\u2014]+\s') AS part
    WHERE p.id % step = 0 AND part ~ '[[:alnum:]]';

    CREATE TEMPORARY TABLE catalog_written ON COMMIT DROP AS
    SELECT w.written, btrim(w.written, E'"''*.!?\u00ae\u2122\u00a9\u201c\u201d\u00ab\u00bb\u2026+') AS shown,
           m.content, array_to_string(catalog_terms(m.content), ' ') AS term,
           k.content !~ '^([0-9.]+.*|mg|g|gr|kg|oz|lb|lbs|ml|cl|dl|l|gal|qt|pt|ct|pk|pack|in|fl)?$' AS may_end
    FROM (SELECT DISTINCT unnest(words) AS written FROM catalog_part) AS w
    CROSS JOIN LATERAL (SELECT catalog_content(catalog_normalise(w.written)) AS content) AS k
    CROSS JOIN LATERAL (SELECT CASE WHEN k.content <> '' AND NOT catalog_is_filler(k.content) THEN k.content END AS content) AS m
    WHERE k.content <> '' OR w.written IN ('&', '+');
    ANALYZE catalog_written;

    CREATE TEMPORARY TABLE catalog_spoken ON COMMIT DROP AS
    SELECT array_agg(w.shown ORDER BY s.place) AS words, array_agg(w.content ORDER BY s.place) AS contents,
           array_agg(w.term ORDER BY s.place) AS terms, array_agg(w.may_end ORDER BY s.place) AS may_end
    FROM catalog_part p CROSS JOIN LATERAL unnest(p.words) WITH ORDINALITY AS s (written, place)
    JOIN catalog_written w ON w.written = s.written
    GROUP BY p.id;

    WITH said AS (
        SELECT array_to_string(terms[i:j], ' ') AS term, array_to_string(contents[i:j], ' ') AS content,
               array_to_string(words[i:j], ' ') AS text, j > i AS is_phrase, count(*) AS times,
               count(*) FILTER (WHERE true <> ALL (may_end[j + 1:])) AS ends
        FROM catalog_spoken, generate_series(1, cardinality(words)) AS i,
             generate_series(i, least(i + 3, cardinality(words))) AS j
        WHERE contents[i] IS NOT NULL AND contents[j] IS NOT NULL AND may_end[j]
        GROUP BY 1, 2, 3, 4
    ), phrase AS (
        SELECT (array_agg(content ORDER BY times DESC, text COLLATE "C"))[1] AS content,
               (array_agg(text ORDER BY times DESC, text COLLATE "C"))[1] AS text, sum(times) AS times
        FROM said GROUP BY term, is_phrase
        HAVING NOT is_phrase OR sum(times) >= fewest AND sum(ends) >= 0.15 * sum(times)
    )
    INSERT INTO catalog_completion (kind, start, is_later, products, text, terms)
    SELECT 'query', s.start, s.is_later, times * step, text, catalog_terms(content)
    FROM phrase CROSS JOIN LATERAL catalog_starts(content) AS s
    WHERE length(text) BETWEEN 2 AND 80
    ORDER BY s.start COLLATE "C", s.is_later, times DESC;
    DROP TABLE catalog_spoken, catalog_written, catalog_part;
END
$$;
"""

# A category counts the products of those below it. Its path can be typed too, as a later thought than its own name.
REFRESH = """
CREATE FUNCTION catalog_refresh_completions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM catalog_completion;
    PERFORM catalog_refresh_phrases();

    INSERT INTO catalog_completion (kind, start, is_later, products, text, terms)
    SELECT 'brand', s.start, s.is_later, n.products, b.name, ARRAY['@' || left(b.name_key, 200)]
    FROM (SELECT brand_id, count(*) AS products FROM catalog_product GROUP BY brand_id) AS n
    JOIN catalog_brand b ON b.id = n.brand_id
    CROSS JOIN LATERAL catalog_starts(catalog_content(b.name_key)) AS s
    WHERE s.start <> '' ORDER BY s.start COLLATE "C";

    WITH RECURSIVE above AS (
        SELECT category_id AS id, count(*) AS products FROM catalog_product
        WHERE category_id IS NOT NULL GROUP BY category_id
        UNION ALL
        SELECT c.parent_id, a.products FROM above a JOIN catalog_category c ON c.id = a.id WHERE c.parent_id IS NOT NULL
    ), category AS (
        SELECT c.name, c.path, catalog_normalise(c.name) AS name_key, replace(c.path_key, ' > ', ' ') AS path_key,
               c.parent_id IS NOT NULL AS is_below, sum(a.products) AS products
        FROM above a JOIN catalog_category c ON c.id = a.id GROUP BY c.id
    ), typed AS (
        SELECT s.start, s.is_later, products, name AS text, path, name_key AS key
        FROM category CROSS JOIN LATERAL catalog_starts(catalog_content(name_key)) AS s
        UNION ALL
        SELECT left(catalog_content(path_key), 200), true, products, path, path, path_key FROM category WHERE is_below
    )
    INSERT INTO catalog_completion (kind, start, is_later, products, text, path, terms)
    SELECT 'category', start, is_later, products, text, path, catalog_terms(key)
    FROM typed WHERE start <> '' ORDER BY start COLLATE "C";
    ANALYZE catalog_completion;
    RETURN NULL;
END
$$;
CREATE TRIGGER catalog_completions AFTER UPDATE OF refreshed_at ON catalog_statistics
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_refresh_completions();
UPDATE catalog_statistics SET refreshed_at = refreshed_at;
"""
REFRESH_BACK = """
DROP TRIGGER catalog_completions ON catalog_statistics;
DROP FUNCTION catalog_refresh_completions();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0008_merchandising")]

    operations: ClassVar = [
        migrations.RunSQL(TABLES, TABLES_BACK),
        migrations.RunSQL(CONTENT, CONTENT_BACK),
        migrations.RunSQL(PHRASES, "DROP FUNCTION catalog_refresh_phrases()"),
        migrations.RunSQL(REFRESH, REFRESH_BACK),
    ]
