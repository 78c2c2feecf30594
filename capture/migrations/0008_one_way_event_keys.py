"""Event keys from which nobody gets the event id back: `capture.event_keys`, in SQL.

Stop the web processes first: what an older one stores from here on, it stores under a key that a newer one does not
look for.
"""

from django.db import migrations

ONE_WAY = """
CREATE FUNCTION pg_temp.one_way(own bytea) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(substring(own FOR 6) || substring(sha256(own) FOR 10), 'hex')::uuid
$$;
"""
# A key of version 8 is either the hash of a text, which is one way already, or a UUID that a client made so. The log
# tells: it has the event ids, and goes by the same days.
OF_VERSION_8 = "^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
REWRITE = f"""
CREATE TEMPORARY TABLE clients_own ON COMMIT DROP AS
SELECT event_id::uuid AS key FROM capture_event WHERE event_id ~ '{OF_VERSION_8}';
ALTER TABLE capture_eventkey RENAME TO capture_eventkey_by_id;
ALTER TABLE capture_eventkey_by_id RENAME CONSTRAINT capture_eventkey_pkey TO capture_eventkey_by_id_pkey;
CREATE TABLE capture_eventkey (key uuid NOT NULL, digest uuid NOT NULL, day date NOT NULL);
INSERT INTO capture_eventkey (key, digest, day)
SELECT CASE WHEN key::text ~ '{OF_VERSION_8}' AND key NOT IN (SELECT key FROM clients_own) THEN key
            ELSE pg_temp.one_way(uuid_send(key)) END, digest, day
FROM capture_eventkey_by_id;
ALTER TABLE capture_eventkey ADD PRIMARY KEY (key);
DROP TABLE capture_eventkey_by_id;
DROP TABLE clients_own;
DROP FUNCTION pg_temp.one_way;
"""  # noqa: S608 (SQL of our own)
# Nothing can turn the keys back. Code from before this migration stores an event again that is sent again.
BACK = migrations.RunSQL.noop


class Migration(migrations.Migration):
    dependencies = [("capture", "0007_horizon_reading")]

    operations = [migrations.RunSQL([ONE_WAY, REWRITE], BACK)]
