"""What Postgres derives: category paths, and the search row of every product, whoever writes it."""

from typing import ClassVar

from django.db import migrations

# English stems without English stop words: "It" and "The" are brands, and a query of nothing else still finds them.
CONFIGURATION = """
CREATE TEXT SEARCH DICTIONARY catalog_english_stem (TEMPLATE = snowball, LANGUAGE = english);
CREATE TEXT SEARCH CONFIGURATION catalog_english (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION catalog_english
    ALTER MAPPING REPLACE english_stem WITH catalog_english_stem;
"""
CONFIGURATION_BACK = """
DROP TEXT SEARCH CONFIGURATION catalog_english;
DROP TEXT SEARCH DICTIONARY catalog_english_stem;
"""

# No foreign key of Django's cascades in SQL, and these rows mean nothing without their product.
FOREIGN_KEYS = """
ALTER TABLE catalog_offer ADD CONSTRAINT catalog_offer_of_product
    FOREIGN KEY (product_id) REFERENCES catalog_product ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE catalog_productsearch ADD CONSTRAINT catalog_productsearch_of_product
    FOREIGN KEY (product_id) REFERENCES catalog_product ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
"""
FOREIGN_KEYS_BACK = """
ALTER TABLE catalog_productsearch DROP CONSTRAINT catalog_productsearch_of_product;
ALTER TABLE catalog_offer DROP CONSTRAINT catalog_offer_of_product;
"""

# Weights: name A, brand B, category, size, dietary marks and attributes C, description D. The plain words of name and
# brand stand beside their stems as '=word', without a position, for the prefix match of a word still being typed.
# Lengths are cut because a tsvector holds at most 1 MiB and a lexeme at most 2 KiB.
REINDEX = r"""
CREATE FUNCTION catalog_reindex(ids bigint[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO catalog_productsearch AS s (product_id, name_key, brand_key, dietary_keys, document)
    SELECT p.id, key.name, coalesce(b.name_key, ''),
           ARRAY(SELECT DISTINCT catalog_normalise(mark) FROM unnest(p.dietary) AS mark ORDER BY 1),
           setweight(to_tsvector('catalog_english', key.name), 'A')
        || setweight(to_tsvector('catalog_english', coalesce(b.name_key, '')), 'B')
        || setweight(to_tsvector('catalog_english', coalesce(c.path_key, '') || ' ' || key.traits), 'C')
        || setweight(to_tsvector('catalog_english', catalog_normalise(left(p.description, 20000))), 'D')
        || array_to_tsvector(ARRAY(
               SELECT DISTINCT '=' || left(word, 64)
               FROM unnest(string_to_array(key.name || ' ' || coalesce(b.name_key, ''), ' ')) AS word
               WHERE word <> ''))
    FROM catalog_product p
    LEFT JOIN catalog_brand b ON b.id = p.brand_id
    LEFT JOIN catalog_category c ON c.id = p.category_id
    CROSS JOIN LATERAL (
        SELECT catalog_normalise(p.name) AS name,
               catalog_normalise(left(p.size || ' ' || array_to_string(p.dietary, ' ') || ' ' || coalesce((
                   SELECT string_agg(value, ' ' ORDER BY key) FROM jsonb_each_text(p.attributes)
                   WHERE value !~* '^(true|false|yes|no|[0-9.]+)$'), ''), 20000)) AS traits
    ) AS key
    WHERE p.id = ANY (ids)
    ORDER BY p.id
    ON CONFLICT (product_id) DO UPDATE
    SET (name_key, brand_key, dietary_keys, document)
      = (excluded.name_key, excluded.brand_key, excluded.dietary_keys, excluded.document)
    WHERE (s.name_key, s.brand_key, s.dietary_keys, s.document)
      IS DISTINCT FROM (excluded.name_key, excluded.brand_key, excluded.dietary_keys, excluded.document)
$$
"""

# The brand and category are locked against a rename that runs at the same time: whoever comes second sees the other.
PRODUCT_TRIGGERS = """
CREATE FUNCTION catalog_product_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.id) INTO ids FROM written n;
    ELSE
        SELECT array_agg(n.id) INTO ids FROM written n LEFT JOIN replaced o ON o.id = n.id
        WHERE (n.name, n.brand_id, n.category_id, n.dietary, n.size, n.description, n.attributes)
            IS DISTINCT FROM (o.name, o.brand_id, o.category_id, o.dietary, o.size, o.description, o.attributes);
    END IF;
    IF ids IS NOT NULL THEN
        PERFORM 1 FROM catalog_brand WHERE id IN (SELECT brand_id FROM written) ORDER BY id FOR KEY SHARE;
        PERFORM 1 FROM catalog_category WHERE id IN (SELECT category_id FROM written) ORDER BY id FOR KEY SHARE;
        PERFORM catalog_reindex(ids);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER catalog_product_inserted AFTER INSERT ON catalog_product
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_product_written();
CREATE TRIGGER catalog_product_updated AFTER UPDATE ON catalog_product
    REFERENCING NEW TABLE AS written OLD TABLE AS replaced
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_product_written();
"""
PRODUCT_TRIGGERS_BACK = """
DROP TRIGGER catalog_product_updated ON catalog_product;
DROP TRIGGER catalog_product_inserted ON catalog_product;
DROP FUNCTION catalog_product_written();
"""

BRAND_TRIGGER = """
CREATE FUNCTION catalog_brand_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalog_reindex(ARRAY(SELECT id FROM catalog_product WHERE brand_id = NEW.id));
    RETURN NULL;
END
$$;
CREATE TRIGGER catalog_brand_renamed AFTER UPDATE ON catalog_brand
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION catalog_brand_renamed();
"""
BRAND_TRIGGER_BACK = """
DROP TRIGGER catalog_brand_renamed ON catalog_brand;
DROP FUNCTION catalog_brand_renamed();
"""

CATEGORY_TRIGGERS = """
CREATE FUNCTION catalog_category_path() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above catalog_category;
BEGIN
    NEW.path := NEW.name;
    NEW.path_key := catalog_normalise(NEW.name);
    IF NEW.parent_id IS NOT NULL THEN
        SELECT * INTO above FROM catalog_category WHERE id = NEW.parent_id FOR KEY SHARE;
        IF NEW.parent_id = NEW.id
           OR (TG_OP = 'UPDATE' AND starts_with(above.path || ' > ', OLD.path || ' > ')) THEN
            RAISE check_violation USING MESSAGE = 'a category cannot stand below itself: ' || NEW.name;
        END IF;
        NEW.path := above.path || ' > ' || NEW.path;
        NEW.path_key := above.path_key || ' > ' || NEW.path_key;
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION catalog_category_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog_category SET path = '' WHERE parent_id = NEW.id;
    PERFORM catalog_reindex(ARRAY(SELECT id FROM catalog_product WHERE category_id = NEW.id));
    RETURN NULL;
END
$$;
CREATE TRIGGER catalog_category_path BEFORE INSERT OR UPDATE ON catalog_category
    FOR EACH ROW EXECUTE FUNCTION catalog_category_path();
CREATE TRIGGER catalog_category_moved AFTER UPDATE ON catalog_category
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION catalog_category_moved();
"""
CATEGORY_TRIGGERS_BACK = """
DROP TRIGGER catalog_category_moved ON catalog_category;
DROP TRIGGER catalog_category_path ON catalog_category;
DROP FUNCTION catalog_category_moved();
DROP FUNCTION catalog_category_path();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0001_initial")]

    operations: ClassVar = [
        migrations.RunSQL(CONFIGURATION, CONFIGURATION_BACK),
        migrations.RunSQL(FOREIGN_KEYS, FOREIGN_KEYS_BACK),
        migrations.RunSQL(REINDEX, "DROP FUNCTION catalog_reindex(bigint[])"),
        migrations.RunSQL(PRODUCT_TRIGGERS, PRODUCT_TRIGGERS_BACK),
        migrations.RunSQL(BRAND_TRIGGER, BRAND_TRIGGER_BACK),
        migrations.RunSQL(CATEGORY_TRIGGERS, CATEGORY_TRIGGERS_BACK),
    ]
