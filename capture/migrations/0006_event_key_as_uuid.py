"""Event keys of 16 bytes instead of the client's own text: `capture.event_keys`, in SQL."""

from django.db import migrations, models

KEY_OF = """
CREATE FUNCTION pg_temp.key_of(event_id text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN event_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN event_id::uuid
        ELSE encode(set_byte(set_byte(hashed, 6, get_byte(hashed, 6) & 15 | 128),
                             8, get_byte(hashed, 8) & 63 | 128), 'hex')::uuid
    END
    FROM (SELECT substring(sha256(convert_to(event_id, 'UTF8')) FOR 16)) AS hash (hashed)
$$;
"""
TO_UUIDS = """
ALTER TABLE capture_eventkey RENAME TO capture_eventkey_by_text;
ALTER TABLE capture_eventkey_by_text RENAME CONSTRAINT capture_eventkey_pkey TO capture_eventkey_by_text_pkey;
CREATE TABLE capture_eventkey (key uuid NOT NULL, digest uuid NOT NULL, day date NOT NULL);
INSERT INTO capture_eventkey (key, digest, day)
SELECT pg_temp.key_of(event_id), encode(digest, 'hex')::uuid, day FROM capture_eventkey_by_text;
ALTER TABLE capture_eventkey ADD PRIMARY KEY (key);
DROP TABLE capture_eventkey_by_text;
DROP FUNCTION pg_temp.key_of;
"""
# What a key was made of is in the log, which is dropped by the same days.
TO_TEXTS = """
ALTER TABLE capture_eventkey RENAME TO capture_eventkey_by_uuid;
ALTER TABLE capture_eventkey_by_uuid RENAME CONSTRAINT capture_eventkey_pkey TO capture_eventkey_by_uuid_pkey;
CREATE TABLE capture_eventkey (event_id varchar(64) NOT NULL, digest bytea NOT NULL, day date NOT NULL);
INSERT INTO capture_eventkey (event_id, digest, day)
SELECT event.event_id, uuid_send(known.digest), known.day
FROM capture_event AS event JOIN capture_eventkey_by_uuid AS known ON known.key = pg_temp.key_of(event.event_id);
ALTER TABLE capture_eventkey ADD PRIMARY KEY (event_id);
CREATE INDEX capture_eventkey_event_id_like ON capture_eventkey (event_id varchar_pattern_ops);
DROP TABLE capture_eventkey_by_uuid;
DROP FUNCTION pg_temp.key_of;
"""


class Migration(migrations.Migration):
    dependencies = [("capture", "0005_log_in_order")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL([KEY_OF, TO_UUIDS], [KEY_OF, TO_TEXTS])],
            state_operations=[
                migrations.DeleteModel("EventKey"),
                migrations.CreateModel(
                    name="EventKey",
                    fields=[
                        (
                            "key",
                            models.UUIDField(
                                help_text="`capture.event_keys` says which for which event id.",
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        (
                            "digest",
                            models.UUIDField(help_text="Of what the event says: 16 bytes of BLAKE2b."),
                        ),
                        ("day", models.DateField(help_text="UTC day it was received, for pruning.")),
                    ],
                ),
            ],
        )
    ]
