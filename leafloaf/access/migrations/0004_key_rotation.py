"""A client's key becomes a row of its own, so that it can have two while one takes the other's place."""

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

# Each table is altered after rows were written to another: what is deferred would stand in the way.
MOVE = """
INSERT INTO access_apikey (client_id, lookup, key_hash, created_at, revoked_at)
SELECT id, lookup, key_hash, created_at, revoked_at FROM access_apiclient;
SET CONSTRAINTS ALL IMMEDIATE;
"""
# A client had one key: its newest that still works, or its newest.
MOVE_BACK = """
UPDATE access_apiclient AS c SET (lookup, key_hash) = (
    SELECT k.lookup, k.key_hash FROM access_apikey AS k WHERE k.client_id = c.id
    ORDER BY k.revoked_at IS NULL DESC, k.created_at DESC, k.id DESC LIMIT 1
);
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("access", "0003_token_keys")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("lookup", models.CharField(db_index=True, max_length=16, verbose_name="begins with")),
                ("key_hash", models.BinaryField(max_length=32, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "expires_at",
                    models.DateTimeField(editable=False, help_text="Refused from then on.", null=True),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(editable=False, help_text="To ten minutes.", null=True),
                ),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="keys",
                        to="access.apiclient",
                    ),
                ),
            ],
            options={"verbose_name": "API key", "ordering": ["-created_at"]},
        ),
        # Nullable first, so that the way back has room for clients whose key has not been put back yet.
        migrations.AlterField("apiclient", "lookup", models.CharField(max_length=16, null=True)),
        migrations.AlterField("apiclient", "key_hash", models.BinaryField(max_length=32, null=True)),
        migrations.RunSQL(MOVE, MOVE_BACK),
        migrations.RemoveField("apiclient", "lookup"),
        migrations.RemoveField("apiclient", "key_hash"),
        migrations.AlterModelOptions(
            name="apiclient",
            options={
                "ordering": ["name"],
                "permissions": [
                    ("rotate_apiclient", "Can rotate and revoke the keys of an API client"),
                    ("speak_for_users", "Can make what speaks for any user: secret keys and token keys"),
                ],
                "verbose_name": "API client",
            },
        ),
        migrations.AddIndex("auditentry", models.Index(fields=["action", "-id"], name="audit_by_action")),
        migrations.AddIndex("auditentry", models.Index(fields=["actor", "-id"], name="audit_by_actor")),
        migrations.AddIndex("auditentry", models.Index(fields=["-at"], name="audit_by_time")),
    ]
