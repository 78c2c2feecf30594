"""The catalogue's version: it changes with whatever an answer is made from, so that a stale answer is never kept.

A counter in one row would make writers wait for each other until they commit, and a sequence changes before the commit
does: an answer made in between would be kept as a newer one. So every statement that changes something adds a row, and
the version is the sum of the committed ones. Now and then a writer puts the rows it sees together: the sum stays.
The mark tells a change from the one of the same number in a database that was set back to a backup.
"""

from typing import ClassVar

from django.db import migrations

TABLES = ("product", "offer", "brand", "category", "supplier", "synonym")

CHANGES = """
CREATE TABLE catalog_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changes bigint NOT NULL,
    mark uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE FUNCTION catalog_note_change() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_change (changes) VALUES (1);
    IF random() < 0.02 THEN
        WITH gone AS (
            DELETE FROM catalog_change
            WHERE id IN (SELECT id FROM catalog_change ORDER BY id FOR UPDATE SKIP LOCKED)
            RETURNING changes
        )
        INSERT INTO catalog_change (changes) SELECT sum(changes) FROM gone HAVING count(*) > 0;
    END IF;
END
$$;
CREATE FUNCTION catalog_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM touched) THEN
        PERFORM catalog_note_change();
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION catalog_watch(watched regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    trigger_name text := replace(watched::text, '.', '_') || '_changed';
BEGIN
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS touched
        FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed()', trigger_name || '_by_insert', watched);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s REFERENCING NEW TABLE AS touched
        FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed()', trigger_name || '_by_update', watched);
    EXECUTE format('CREATE TRIGGER %I AFTER DELETE ON %s REFERENCING OLD TABLE AS touched
        FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed()', trigger_name || '_by_delete', watched);
END
$$;
"""
CHANGES_BACK = """
DROP FUNCTION catalog_watch(regclass);
DROP FUNCTION catalog_changed() CASCADE;
DROP FUNCTION catalog_note_change();
DROP TABLE catalog_change;
"""
WATCH = "SELECT " + ", ".join(f"catalog_watch('catalog_{name}')" for name in TABLES)

WATCH_VECTORS = """
DO $$ BEGIN
    IF to_regclass('catalog_productembedding') IS NOT NULL THEN
        PERFORM catalog_watch('catalog_productembedding');
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0004_embedding")]

    operations: ClassVar = [
        migrations.RunSQL(CHANGES, CHANGES_BACK),
        migrations.RunSQL(WATCH, migrations.RunSQL.noop),
        migrations.RunSQL(WATCH_VECTORS, migrations.RunSQL.noop),
    ]
