"""A log of so many events with the people they are of, as 90 days leave it: by SQL, from a sample of real ingest.

The sample goes through the front door. Everything else is copied from it under ids of its own: events with their keys
over all days of the retention, people with the profiles of the sample's. The outbox is sealed by the shop's own code
and then said to be delivered, and what tasks count is counted by them. Only Redis, the bucket and BigQuery hold
nothing of the bulk: what is delivered costs there the same however much they hold.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from bench.capture import samples
from bench.capture.measuring import execute
from bench.privacy import crowd
from capture import ingest, partitions, seal

DAYS = 90
SAMPLE_EVENTS = 5000
BATCH = 500
COUNTS = ("count_volumes", "count_searches", "count_aggregates", "count_baskets", "close_ledger")
SAMPLES = {
    "bench_sample": """
        SELECT row_number() OVER (ORDER BY xid, id) AS place, event_type, subject_id, payload FROM capture_event
    """,
    "bench_person": """
        SELECT row_number() OVER (ORDER BY subject_id) - 1 AS place, subject_id FROM personalization_profile
    """,
    "bench_history": "SELECT subject_id, product_id, marks, paid FROM personalization_producthistory",
}
TABLES = (
    "capture_event, capture_eventkey, capture_outboxbatch, capture_deadletter, capture_watermark, capture_volume",
    "capture_ledgerday, capture_notice, privacy_subject",
)
OWN_TABLES = "SELECT tablename FROM pg_tables WHERE tablename LIKE 'personalization%%'"
LEFT = ("personalization_learnedversion",)
FROM_THE_START = (
    "UPDATE capture_sink SET cursor_xid = '0', cursor_id = 0, cursor_received_at = NULL, delivered = 0"
)
"""But for the numbers of batches, which the stores remember."""
PEOPLE = """
    INSERT INTO privacy_subject (id, user_id, generation, state)
    SELECT gen_random_uuid(), 'user_' || number, 1, 'active' FROM generate_series(0, %s - 1) AS number
"""
MODELS = """
    (SELECT id, substr(user_id, 6)::bigint % (SELECT count(*) FROM bench_person) AS place FROM privacy_subject) AS fresh
    JOIN bench_person AS model USING (place)
"""
PROFILES = f"INSERT INTO personalization_profile (subject_id, version) SELECT fresh.id, 1 FROM {MODELS}"  # noqa: S608
HISTORIES = f"""
    INSERT INTO personalization_producthistory (subject_id, product_id, marks, paid)
    SELECT fresh.id, known.product_id, known.marks, known.paid FROM {MODELS}
    JOIN bench_history AS known ON known.subject_id = model.subject_id
"""  # noqa: S608 (our own)
EVENTS = """
    WITH person AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM privacy_subject
    ), drawn AS MATERIALIZED (
        SELECT gen_random_uuid() AS key, number, %(moment)s::timestamptz + random() * interval '23 hours' AS at,
               1 + (number * 7919 + %(seed)s) %% (SELECT count(*) FROM bench_sample) AS place,
               1 + (hashint8(number / 9 + %(seed)s)::bigint & 1073741823) %% (SELECT count(*) FROM person) AS whose
        FROM generate_series(1, %(count)s) AS number
    ), known AS (
        INSERT INTO capture_eventkey (key, digest, day)
        SELECT key, md5(key::text)::uuid, (%(moment)s AT TIME ZONE 'UTC')::date FROM drawn
    )
    INSERT INTO capture_event
        (event_id, event_type, subject_id, session_id, occurred_at, received_at, payload, schema_version)
    SELECT drawn.key::text, sample.event_type, CASE WHEN sample.subject_id IS NOT NULL THEN person.id END,
           md5((drawn.number / 9)::text || %(moment)s)::uuid::text, drawn.at, drawn.at,
           CASE WHEN sample.event_type = 'search'
                THEN jsonb_set(sample.payload, '{search_id}', to_jsonb(gen_random_uuid()::text))
                ELSE sample.payload END, 1
    FROM drawn JOIN bench_sample AS sample ON sample.place = drawn.place JOIN person ON person.place = drawn.whose
    ORDER BY drawn.number
"""
"""Nine events a visit, of one person or of nobody; contents as in the sample."""
DELIVERED = """
    UPDATE capture_outboxbatch SET state = 'delivered', attempts = 1, delivered_at = sealed_at WHERE state = 'sealed'
"""
ACCOUNTS = """
    UPDATE capture_sink SET delivered = owed.events
    FROM (SELECT sink, sum(count) AS events FROM capture_outboxbatch GROUP BY sink) AS owed WHERE name = owed.sink
"""


def sample(skus: Sequence[str]) -> None:
    """Through the front door: a few people with as many events each as everybody will have."""
    today = days()[-1]
    partitions.ensure(days()[0].date(), DAYS + partitions.DAYS_AHEAD)
    shoppers = Shoppers(SAMPLE_EVENTS, skus)
    for _ in range(SAMPLE_EVENTS // BATCH):
        bodies = [msgspec.json.encode(event) for event in shoppers.batch(today, BATCH)]
        receipt = ingest.accept(bodies, received_at=today, past=None)
        assert receipt.accepted == BATCH, receipt
    for table, query in SAMPLES.items():
        execute(f"CREATE TABLE {table} AS {query}")


def days() -> list[datetime]:
    """The beginnings of the days that the log holds, the oldest first."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [today - timedelta(days=ago) for ago in reversed(range(DAYS))]


def people_of(events: int) -> int:
    return max(20, round(events / crowd.AVERAGE))


def fill(events: int) -> None:
    """So many in the log and nothing else, with their people, all sealed, settled and counted."""
    with unhurried():
        empty()
        _add_people(people_of(events))
        _add_events(events)
        execute("ANALYZE")
        for name in enabled():
            while seal.due(name, is_final=True):
                pass
        execute(DELIVERED)
        execute(ACCOUNTS)
        count()
        execute("VACUUM ANALYZE")


def empty() -> None:
    """But for the catalogue, the keys, and what was learned."""
    names = [row[0] for row in execute(OWN_TABLES) if row[0] not in LEFT]
    execute(f"TRUNCATE {', '.join([*TABLES, *names])} CASCADE")
    execute(FROM_THE_START)
    partitions.ensure(days()[0].date(), DAYS + partitions.DAYS_AHEAD)


def count() -> None:
    """Everything that tasks count, so that none of them has something to catch up with."""
    for command in COUNTS:
        call_command(command, stdout=StringIO())


def enabled() -> list[str]:
    return [name for name, sink in settings.SINKS.items() if sink["ENABLED"]]


def _add_people(count: int) -> None:
    execute(PEOPLE, count)
    for query in (PROFILES, HISTORIES):
        with connection.cursor() as cursor:
            cursor.execute(query)


def _add_events(events: int) -> None:
    """The same number on each day but today, which the measuring adds to. The log is in the order of its days."""
    past = days()[:-1]
    for place, moment in enumerate(past):
        count = events * (place + 1) // len(past) - events * place // len(past)
        with connection.cursor() as cursor:
            cursor.execute(EVENTS, {"moment": moment, "count": count, "seed": place * 131})


@contextmanager
def unhurried() -> Iterator[None]:
    """Statements may take as long as they take."""
    execute("SET statement_timeout = 0")
    try:
        yield
    finally:
        execute("RESET statement_timeout")


class Shoppers(crowd.Crowd):
    """The people of a log of so many events, among these products: the first are wanted most."""

    def __init__(self, events: int, skus: Sequence[str], seed: int = 1) -> None:
        super().__init__(events, seed)
        self.users = self.users[: people_of(events)]
        self.weights = self.weights[: len(self.users)]
        self.contents = [crowd.content(event) for event in Shelf(skus, seed).events(crowd.CONTENTS)]
        self.visits = [self.visit() for _ in range(crowd.VISITS_AT_ONCE)]


class Shelf(samples.Samples):
    """The usual contents, with products of the catalogue."""

    def __init__(self, skus: Sequence[str], seed: int) -> None:
        super().__init__(seed)
        self.skus = skus

    def product(self) -> str:
        return self.skus[int(len(self.skus) * self.random.random() ** 3)]


def count_people() -> None:
    """Whatever has to tell people apart, of all days that the log holds: what a shop does for each day now and then."""
    call_command("count_aggregates", stdout=StringIO())
