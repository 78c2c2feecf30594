"""Bytes on disk, an event of the log and a person, by what takes them."""

from bench.capacity.names import BY_EVENT, COUNTS, INDEXES, KEYS, LOG, OUTBOX, PROFILE, SUBJECT
from bench.capture.measuring import execute

PARTITIONS = "SELECT inhrelid FROM pg_inherits WHERE inhparent = 'capture_event'::regclass"
QUERIES = {
    LOG: f"SELECT sum(pg_table_size(inhrelid)) FROM ({PARTITIONS}) AS part",  # noqa: S608 (our own)
    INDEXES: f"SELECT sum(pg_indexes_size(inhrelid)) FROM ({PARTITIONS}) AS part",  # noqa: S608
    KEYS: "SELECT pg_total_relation_size('capture_eventkey')",
    OUTBOX: "SELECT pg_total_relation_size('capture_outboxbatch')",
    COUNTS: """
        SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'
          AND (relname LIKE 'personalization%%' OR relname LIKE 'storefront%%' OR relname = 'capture_volume')
          AND relname NOT IN ('personalization_profile', 'personalization_producthistory')
    """,
    PROFILE: """
        SELECT pg_total_relation_size('personalization_profile')
             + pg_total_relation_size('personalization_producthistory')
    """,
    SUBJECT: "SELECT pg_total_relation_size('privacy_subject')",
}


def measure() -> dict[str, float]:
    events = int(execute("SELECT count(*) FROM capture_event")[0][0])
    people = int(execute("SELECT count(*) FROM privacy_subject")[0][0])
    return {name: size(query) / (events if name in BY_EVENT else people) for name, query in QUERIES.items()}


def size(query: str) -> int:
    return int(execute(query)[0][0])
