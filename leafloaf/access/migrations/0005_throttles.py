from django.db import migrations

# Three quarters of a page stay free, so that a row that is counted up a thousand times a second finds room beside itself
# (HOT), and vacuum comes before it must look for its dead versions.
TABLE = """
CREATE UNLOGGED TABLE access_throttle (
    name bytea PRIMARY KEY,
    arrival bigint NOT NULL
) WITH (fillfactor = 25, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.1,
        autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE access_throttle IS 'How much of each limit is used; names are keyed hashes. Written by access_take.';
COMMENT ON COLUMN access_throttle.arrival IS 'Theoretical arrival time (GCRA), in microseconds since 1970.';
"""

# Takes all or nothing. Rows are locked one by one in the order of their names, the same for everybody, so that nobody
# waits in a circle; the names must come sorted. By then it is known what the time is, not before.
TAKE = """
CREATE FUNCTION access_take(
    names bytea[], intervals bigint[], capacities bigint[], needs bigint[], takes bigint[]
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    starts bigint[];
    found_at bigint;
    now_at bigint;
    fits boolean := true;
BEGIN
    FOR i IN 1 .. cardinality(names) LOOP
        IF takes[i] = 0 THEN
            SELECT arrival INTO found_at FROM access_throttle WHERE name = names[i];
        ELSE
            SELECT arrival INTO found_at FROM access_throttle WHERE name = names[i] FOR UPDATE;
            IF NOT FOUND THEN
                INSERT INTO access_throttle AS kept (name, arrival) VALUES (names[i], 0)
                ON CONFLICT (name) DO UPDATE SET arrival = kept.arrival
                RETURNING arrival INTO found_at;
            END IF;
        END IF;
        starts[i] := coalesce(found_at, 0);
    END LOOP;
    now_at := extract(epoch FROM clock_timestamp()) * 1000000;
    FOR i IN 1 .. cardinality(names) LOOP
        starts[i] := least(greatest(starts[i], now_at), now_at + capacities[i]);
        fits := fits AND starts[i] + needs[i] * intervals[i] - capacities[i] <= now_at;
    END LOOP;
    IF fits THEN
        FOR i IN 1 .. cardinality(names) LOOP
            IF takes[i] > 0 THEN
                UPDATE access_throttle SET arrival = starts[i] + takes[i] * intervals[i] WHERE name = names[i];
            END IF;
        END LOOP;
    END IF;
    RETURN now_at || starts;
END $$;
"""
DROP = """
DROP FUNCTION access_take(bytea[], bigint[], bigint[], bigint[], bigint[]);
DROP TABLE access_throttle;
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0004_key_rotation")]

    operations = [migrations.RunSQL([TABLE, TAKE], DROP)]
