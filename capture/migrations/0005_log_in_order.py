"""One index in the order of the log, `(xid, id)`, as its key; an event is found by `id` alone through a coarse one."""

from django.db import migrations

# The id grows with the table, so what a BRIN holds of it is a few bytes for every 128 pages.
IN_ORDER = """
ALTER TABLE capture_event DROP CONSTRAINT capture_event_pkey;
ALTER TABLE capture_event ADD CONSTRAINT capture_event_pkey PRIMARY KEY (xid, id, received_at);
DROP INDEX capture_event_position;
CREATE INDEX capture_event_id ON capture_event USING brin (id) WITH (autosummarize = on);
"""
BY_ID = """
DROP INDEX capture_event_id;
CREATE INDEX capture_event_position ON capture_event (xid, id);
ALTER TABLE capture_event DROP CONSTRAINT capture_event_pkey;
ALTER TABLE capture_event ADD CONSTRAINT capture_event_pkey PRIMARY KEY (id, received_at);
"""


class Migration(migrations.Migration):
    dependencies = [("capture", "0004_recount_and_schema_drift")]

    operations = [migrations.RunSQL(IN_ORDER, BY_ID)]
