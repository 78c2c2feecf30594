"""Bytes of write-ahead log an event costs, at several sizes of the log, and what an old snapshot does to a drain."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from bench.capture import Sizes, bare, samples
from bench.capture.drain import drain_all
from bench.capture.measuring import Events, execute, fill_log, setting, skip_to_end, timed, wal_bytes
from bench.figures import Spread, Table, interleaved, ratios
from bench.stack import Stack

HEIGHTS = (100_000,)
FULL_HEIGHTS = (100_000, 1_000_000, 5_000_000)
BARE = "bare insert, primary key only"
INDEXED = "bare insert, with the log's indexes"
LOG = "log insert: event, key, subject"
DRAIN = "bookkeeping of three sinks (target: 10 or less)"
INSERT_BATCH = 100
GROW_BATCH = 250_000
GROW_SECONDS = 300.0
"""How long growing the log may take altogether; a height that is not reached by then is left out."""
LOG_INDEXES = """
    CREATE TABLE IF NOT EXISTS bench_event_indexed (LIKE bench_event INCLUDING ALL);
    ALTER TABLE bench_event_indexed ADD IF NOT EXISTS xid xid8 NOT NULL DEFAULT pg_current_xact_id();
    ALTER TABLE bench_event_indexed DROP CONSTRAINT IF EXISTS bench_event_indexed_pkey;
    ALTER TABLE bench_event_indexed ADD PRIMARY KEY (xid, id);
    CREATE INDEX IF NOT EXISTS bench_subject ON bench_event_indexed (subject_id, received_at)
        WHERE subject_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS bench_session ON bench_event_indexed (session_id, received_at)
        WHERE session_id IS NOT NULL;
"""
GROW = """
    WITH fresh AS (
        INSERT INTO capture_eventkey (key, digest, day)
        SELECT gen_random_uuid(), md5(place::text)::uuid, (now() AT TIME ZONE 'UTC')::date
        FROM generate_series(1, %s) AS place
        RETURNING key::text AS event_id
    )
    INSERT INTO capture_event
        (event_id, event_type, subject_id, session_id, occurred_at, received_at, payload, schema_version)
    SELECT fresh.event_id, sample.event_type, sample.subject_id, sample.session_id, now(), now(), sample.payload, 1
    FROM (SELECT event_id, 1 + row_number() OVER () %% (SELECT count(*) FROM bench_sample) AS place FROM fresh) AS fresh
    JOIN bench_sample AS sample USING (place)
"""


def measure(stack: Stack, sizes: Sizes) -> list[Table]:
    execute(LOG_INDEXES)
    with setting("autovacuum", "off"), psycopg.connect(stack.database_url, autocommit=True) as connection:
        events = Events()
        fill_log(events.fresh(1000))
        execute(
            "CREATE TABLE IF NOT EXISTS bench_sample AS SELECT row_number() OVER () AS place, * FROM capture_event"
        )
        results = {height: at(connection, events, sizes) for height in heights(sizes)}
        return [bytes_table(results), snapshot_table(stack, events, sizes)]


def heights(sizes: Sizes) -> Iterator[int]:
    """The sizes of the log, each when the log has reached it."""
    wanted = FULL_HEIGHTS if sizes.is_full else HEIGHTS
    seconds_left = GROW_SECONDS
    for height in wanted:
        started = time.monotonic()
        if not grow_to(height, seconds_left):
            print(f"{height:,} events were not reached within {GROW_SECONDS:.0f} s", flush=True)
            return
        took = time.monotonic() - started
        seconds_left -= took
        print(f"{height:,} events in the log after {took:.0f} s", flush=True)
        yield height


def at(connection: bare.Connection, events: Events, sizes: Sizes) -> dict[str, list[float]]:
    """WAL bytes an event of each kind of work, with what is in the log already."""
    count = sizes.events // 2
    ways: dict[str, Callable[[], float]] = {
        BARE: lambda: bare_bytes(connection, events, "bench_event", count),
        INDEXED: lambda: bare_bytes(connection, events, "bench_event_indexed", count),
        LOG: lambda: log_bytes(events, count),
        DRAIN: lambda: wal_bytes(drain_all) / count,
    }
    return interleaved(sizes.runs, ways)


def grow_to(height: int, seconds: float) -> bool:
    """Fills the log by SQL, already delivered, if there is time; the pages are as after a checkpoint long ago."""
    deadline = time.monotonic() + seconds
    missing = height - int(execute("SELECT count(*) FROM capture_event")[0][0])
    while missing > 0:
        if time.monotonic() > deadline:
            return False
        execute(GROW, min(missing, GROW_BATCH))
        missing -= GROW_BATCH
    execute("ANALYZE capture_event, capture_eventkey")
    skip_to_end()
    gc.collect()
    return True


def bare_bytes(connection: bare.Connection, events: Events, table: str, count: int) -> float:
    statements = bare.statements(samples.rows(events.fresh(count)), INSERT_BATCH, table)
    return wal_bytes(lambda: bare.execute(connection, statements)) / count


def log_bytes(events: Events, count: int) -> float:
    fresh = events.fresh(count)
    return wal_bytes(lambda: fill_log(fresh, INSERT_BATCH)) / count


def bytes_table(results: dict[int, dict[str, list[float]]]) -> Table:
    table = Table("wal", ["WAL bytes an event", *(f"{height:,} events in the log" for height in results)])
    for name in (BARE, INDEXED, LOG, DRAIN):
        table.rows.append([name, *(Spread(found[name]).text(1) for found in results.values())])
    for base in (BARE, INDEXED):
        cells = []
        for found in results.values():
            both = [log + drain for log, drain in zip(found[LOG], found[DRAIN], strict=True)]
            cells.append(ratios(both, found[base]).text())
        table.rows.append([f"log insert and drain, ratio to {base} (target: 1.2 or less)", *cells])
    return table


def snapshot_table(stack: Stack, events: Events, sizes: Sizes) -> Table:
    """How much slower a drain is while another session holds an old snapshot, as a report or a dump does."""

    def drained() -> float:
        fill_log(events.fresh(sizes.events))
        return timed(stack, sizes.events, drain_all).rate

    def with_snapshot() -> float:
        with old_snapshot(stack.database_url):
            churn(events)
            return drained()

    def without() -> float:
        churn(events)
        return drained()

    rates = interleaved(sizes.runs, {"without": without, "with": with_snapshot})
    slower = ratios(rates["without"], rates["with"])
    table = Table("snapshot", ["drain to three sinks", "events/s", "slower by"])
    table.rows = [
        ["no old snapshot", Spread(rates["without"]).text(0), ""],
        [
            "an old snapshot held open (target: 1.2 times or less)",
            Spread(rates["with"]).text(0),
            slower.text(),
        ],
    ]
    return table


def churn(events: Events) -> None:
    """Deliveries before the one that is measured, whose dead row versions an old snapshot keeps."""
    for _ in range(10):
        fill_log(events.fresh(200))
        drain_all()


@contextmanager
def old_snapshot(url: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.commit()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM capture_sink")
        yield
        connection.rollback()
