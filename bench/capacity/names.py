"""What everything measured is called, in the tables and in the files of figures."""

# Stages

BATCH = 100
SUGGEST, PRODUCT, COMPLEMENTS = "suggest", "product", "complements"
RECOMMENDATIONS, SEARCH, SEARCH_WORDS = "recommendations", "search", "search, by words alone"
ROUTES = (SUGGEST, PRODUCT, COMPLEMENTS, RECOMMENDATIONS, SEARCH, SEARCH_WORDS)
INGEST_ONE, INGEST_MANY = "ingest, 1 event a request", f"ingest, {BATCH} a request"
INGEST_KNOWN, INGEST_UNKNOWN = f"{INGEST_MANY}, all signed in", f"{INGEST_MANY}, nobody signed in"
AFTER_CHECKPOINT = f"{INGEST_MANY}, just after a checkpoint"
SEAL, COUNT, COUNT_PEOPLE = "seal, for one sink", "count what adds up", "count people anew"
DELIVER = {
    "redis": "deliver to Redis",
    "cloud_storage": "deliver to Cloud Storage",
    "bigquery": "deliver to BigQuery",
}
RETENTION, ERASURE = "drop a day of the log", "erase a person"
OF_EVENTS = (INGEST_ONE, INGEST_MANY, INGEST_KNOWN, INGEST_UNKNOWN, SEAL, *DELIVER.values(), COUNT)
UNITS = dict.fromkeys(ROUTES, "request") | dict.fromkeys(OF_EVENTS, "event")
UNITS |= {AFTER_CHECKPOINT: "event", RETENTION: "day", ERASURE: "person", COUNT_PEOPLE: "run"}

READ = (SUGGEST, COMPLEMENTS, SEARCH, SEARCH_WORDS)
"""What a replica is asked for, where there is one."""
PLAIN, ELSEWHERE = "{}, beside a replica", "{}, from a replica"

# Processes

WEB_KIND, WORKER_KIND, BEAT_KIND = "web process", "worker", "beat"
MIB, IDLE, CONNECTIONS = "{}, MiB", "{}, idle, share of a core", "{}, connections"
WEB_MIB, WORKER_MIB, BACKEND_MIB = MIB.format(WEB_KIND), MIB.format(WORKER_KIND), MIB.format("Postgres")

# On disk

LOG, INDEXES, KEYS = "event: row", "event: indexes of the log", "event: key (idempotency)"
OUTBOX, COUNTS = "event: batches of the outbox, three sinks", "event: counts of pages and aggregates"
PROFILE, SUBJECT = "person: profile and product histories", "person: pseudonym"
BY_EVENT = (LOG, INDEXES, KEYS, OUTBOX, COUNTS)
BY_PERSON = (PROFILE, SUBJECT)
