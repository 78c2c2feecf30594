"""The vectors of semantic search, where Postgres can hold them.

Without the `vector` extension nothing is made here but one function, and search goes on by words. Once there is the
extension, `manage.py embed_catalogue` calls the function again.
"""

from typing import ClassVar

from django.db import migrations

# What is due is kept apart from the vectors: a mark on a vector's row would write a new version of it, and each
# version is another entry of its index. No foreign key: Django could no longer truncate the products.
PREPARE = """
CREATE FUNCTION catalog_prepare_embeddings() RETURNS text LANGUAGE plpgsql AS $prepare$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('catalog_prepare_embeddings'));
    IF to_regclass('catalog_productembedding') IS NOT NULL THEN
        RETURN '';
    END IF;
    IF to_regtype('halfvec') IS NULL THEN
        IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
            RETURN 'This Postgres has no extension "vector" (pgvector 0.7 or newer).';
        END IF;
        BEGIN
            CREATE EXTENSION IF NOT EXISTS vector;
        EXCEPTION WHEN insufficient_privilege THEN
            RETURN 'This database role may not create the extension "vector"; an administrator may, once.';
        END;
        IF to_regtype('halfvec') IS NULL THEN
            RETURN 'The extension "vector" of this database is older than 0.7, or in a schema that is not searched.';
        END IF;
    END IF;
    PERFORM '[1]'::halfvec;  -- loads the extension, so that its setting below is known

    CREATE TABLE catalog_embeddingdue (
        product_id bigint PRIMARY KEY,
        changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        leased_until timestamptz NOT NULL DEFAULT '-infinity'
    );
    CREATE TABLE catalog_productembedding (
        product_id bigint PRIMARY KEY,
        vector halfvec(384) NOT NULL
    );
    ALTER TABLE catalog_productembedding ALTER COLUMN vector SET STORAGE PLAIN;
    INSERT INTO catalog_embeddingdue (product_id) SELECT id FROM catalog_product;

    -- The default of 40 would end the list after 40 rows, and miss one in six of those.
    CREATE FUNCTION catalog_nearest(wanted halfvec) RETURNS TABLE (product_id bigint, likeness double precision)
    LANGUAGE sql STABLE SET hnsw.ef_search = 200 AS $$
        SELECT e.product_id, -(e.vector <#> wanted) FROM catalog_productembedding e
        ORDER BY e.vector <#> wanted LIMIT 200
    $$;

    CREATE TRIGGER catalog_embedding_inserted AFTER INSERT ON catalog_product
        REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION catalog_embedding_due();
    CREATE TRIGGER catalog_embedding_updated AFTER UPDATE ON catalog_product
        REFERENCING NEW TABLE AS written OLD TABLE AS replaced
        FOR EACH STATEMENT EXECUTE FUNCTION catalog_embedding_due();
    CREATE TRIGGER catalog_embedding_deleted AFTER DELETE ON catalog_product
        REFERENCING OLD TABLE AS replaced
        FOR EACH STATEMENT EXECUTE FUNCTION catalog_embedding_gone();
    CREATE TRIGGER catalog_embedding_truncated AFTER TRUNCATE ON catalog_product
        FOR EACH STATEMENT EXECUTE FUNCTION catalog_embedding_gone();
    CREATE TRIGGER catalog_embedding_brand AFTER UPDATE ON catalog_brand
        FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION catalog_embedding_of_brand_due();
    RETURN '';
END
$prepare$
"""

# What is written here is what `leafloaf.catalog.vectors` reads: a product's name and its brand's.
TRIGGERS = """
CREATE FUNCTION catalog_embeddings_due(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_embeddingdue (product_id) SELECT id FROM unnest(ids) AS id ORDER BY id
    ON CONFLICT (product_id) DO UPDATE SET changed_at = clock_timestamp(), leased_until = '-infinity';
END
$$;
CREATE FUNCTION catalog_embedding_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM catalog_embeddings_due(ARRAY(SELECT id FROM written));
    ELSE
        PERFORM catalog_embeddings_due(ARRAY(
            SELECT n.id FROM written n LEFT JOIN replaced o ON o.id = n.id
            WHERE (n.name, n.brand_id) IS DISTINCT FROM (o.name, o.brand_id)));
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION catalog_embedding_of_brand_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalog_embeddings_due(ARRAY(SELECT id FROM catalog_product WHERE brand_id = NEW.id));
    RETURN NULL;
END
$$;
-- What is due goes first: whoever is writing a vector holds that row, and the vector is there once it is free.
CREATE FUNCTION catalog_embedding_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE catalog_embeddingdue, catalog_productembedding;
    ELSE
        DELETE FROM catalog_embeddingdue WHERE product_id IN (SELECT id FROM replaced);
        DELETE FROM catalog_productembedding WHERE product_id IN (SELECT id FROM replaced);
    END IF;
    RETURN NULL;
END
$$;
"""

# The extension stays: it may be older than LeafLoaf, or others may use it.
BACK = """
DROP TRIGGER IF EXISTS catalog_embedding_brand ON catalog_brand;
DROP TRIGGER IF EXISTS catalog_embedding_truncated ON catalog_product;
DROP TRIGGER IF EXISTS catalog_embedding_deleted ON catalog_product;
DROP TRIGGER IF EXISTS catalog_embedding_updated ON catalog_product;
DROP TRIGGER IF EXISTS catalog_embedding_inserted ON catalog_product;
DROP FUNCTION catalog_embedding_gone(), catalog_embedding_of_brand_due(), catalog_embedding_due();
DROP FUNCTION catalog_embeddings_due(bigint[]);
DO $$ BEGIN
    IF to_regtype('halfvec') IS NOT NULL THEN DROP FUNCTION IF EXISTS catalog_nearest(halfvec); END IF;
END $$;
DROP TABLE IF EXISTS catalog_embeddingdue, catalog_productembedding;
DROP FUNCTION catalog_prepare_embeddings();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0005_synonyms")]

    operations: ClassVar = [
        migrations.RunSQL([TRIGGERS, PREPARE, "SELECT catalog_prepare_embeddings()"], BACK),
    ]
