"""What the shop's books keep of an order whose person keeps no purchases: a function, for ingest's one statement."""

from django.db import migrations

# Of the lines, those with a product of the catalogue: any other text in them is the client's own, as categories are.
CREATE = """
CREATE FUNCTION capture_nobodys_order(content jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    kept jsonb;
    lines jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(name, value), '{}') INTO kept
    FROM jsonb_each(content) AS field (name, value) WHERE name IN ('total_value', 'currency', 'channel');
    SELECT coalesce(jsonb_agg(line - 'category' ORDER BY number), '[]') INTO lines
    FROM jsonb_array_elements(content->'items') WITH ORDINALITY AS item (line, number)
    JOIN catalog_product ON sku = line->>'product_id';
    RETURN kept || jsonb_build_object('order_id', gen_random_uuid(), 'items', lines);
END $$;
"""
DROP = "DROP FUNCTION capture_nobodys_order(jsonb);"


class Migration(migrations.Migration):
    dependencies = [("capture", "0009_remade_batches")]

    operations = [migrations.RunSQL(CREATE, DROP)]
