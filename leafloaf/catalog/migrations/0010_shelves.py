"""What a shelf is called, for queries that ask for it by name."""

from typing import ClassVar

import django.contrib.postgres.fields
from django.db import migrations, models

import leafloaf.catalog.models

# "Beans & Lentils" is called beans, lentils and beans lentils. Made while a dump is restored, with no search path.
KEYS = r"""
CREATE FUNCTION catalog_shelf_keys(name text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT key ORDER BY key), '{}')
    FROM (SELECT catalog_phrase(part) AS key
          FROM regexp_split_to_table(name, '\s*[&,/+]\s*|\s+(and|et)\s+', 'i') AS part
          UNION SELECT catalog_phrase(name)) AS k
    WHERE key <> '';
END;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0009_completions")]

    operations: ClassVar = [
        migrations.RunSQL(KEYS, "DROP FUNCTION catalog_shelf_keys(text)"),
        migrations.AddField(
            "category",
            "shelf_keys",
            models.GeneratedField(
                expression=leafloaf.catalog.models.ShelfKeys(models.F("name")),
                output_field=django.contrib.postgres.fields.ArrayField(models.TextField()),
                db_persist=True,
            ),
        ),
    ]
