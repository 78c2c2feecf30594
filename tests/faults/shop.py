"""A shop of its own for tests that kill what it stands on: stack, database, processes, and a look into the stores."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import redis
from django.conf import settings
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from capture import schema
from capture.sinks import bigquery_setup, cloud_storage_setup
from capture.sinks.bigquery import BigQuerySink
from capture.sinks.bigquery_schema import view_of
from capture.sinks.cloud_storage import CloudStorageSink
from leafloaf.stack.throwaway import ThrowawayStack
from tests.faults.nursery import Child, Nursery
from tests.flows.stores import Stores
from tests.standins import Standin

SINKS = ("redis", "cloud_storage", "bigquery")
DEMO_KEY = "sk_demo_leafloaf"
LEASE_SECONDS = 2
APPLIED = {"method": "POST", "path": "/(insertAll|upload/)"}
"""The requests that write."""
TABLES = (
    "capture_event, capture_eventkey, capture_outboxbatch, capture_deadletter, capture_sink, capture_ledgerday, "
    "capture_reading, privacy_subject"
)
UNSEALED = """
    SELECT count(*) FROM capture_event
    WHERE (xid, id) > (coalesce((SELECT cursor_xid FROM capture_sink WHERE name = %(sink)s), '0'::xid8),
                       coalesce((SELECT cursor_id FROM capture_sink WHERE name = %(sink)s), 0))
"""
OWED = "SELECT count(*) FROM capture_outboxbatch WHERE sink = %(sink)s AND state <> 'delivered'"


@dataclass
class Shop:
    """Everything of one shop; `nursery` starts its commands."""

    stack: ThrowawayStack
    environment: Mapping[str, str]
    nursery: Nursery
    stores: Stores

    def standin(self, name: str) -> Standin:
        return Standin(self.stack[name].address)

    def ask(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            asked = connection.execute(query, parameters or None)
            return list(asked.fetchall()) if asked.description else []

    def writer(self, name: str, size: int = 20, pause: float = 0.1, hold: float = 0) -> Child:
        return self.nursery.start("write", name, str(size), str(pause), str(hold))

    def write(self, count: int) -> None:
        """Events of all types into the log, in one transaction of a writer that ends."""
        self.nursery.run("write", f"once-{uuid4()}", str(count), "0", "0", "1")

    def drainer(self, *sinks: str) -> Child:
        chosen = [word for sink in sinks for word in ("--sink", sink)]
        return self.nursery.start("drain", "--loop", *chosen)

    def backends(self, condition: str) -> int:
        """How many sessions of the server are in this state."""
        return int(self.ask(f"SELECT count(*) FROM pg_stat_activity WHERE {condition}")[0][0])

    def empty(self) -> None:
        """As after the first set-up."""
        self.ask(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
        self.mend()
        self.stores.redis.flushall()
        for bucket in self.stores.storage.list_buckets():
            bucket.delete_blobs(list(bucket.list_blobs()))  # `force` gives up at 256
            bucket.delete()
        self.stores.bigquery.delete_dataset(
            settings.BIGQUERY_DATASET, delete_contents=True, not_found_ok=True
        )
        set_up(self.environment)

    def mend(self) -> None:
        for name in ("cloud_storage", "bigquery"):
            self.standin(name).mend()

    def logged(self) -> Counter[str]:
        return Counter(event_id for (event_id,) in self.ask("SELECT event_id FROM capture_event"))

    def owed(self, *sinks: str) -> int:
        """Batches not delivered and events not sealed, of these sinks or of all."""
        counts = [self.ask(query, sink=sink)[0][0] for sink in sinks or SINKS for query in (UNSEALED, OWED)]
        return sum(counts)

    def settle(self, seconds: float = 180) -> None:
        """Delivers what is owed, as the last worker alive would: after at most a lease and a rest."""
        deadline = time.monotonic() + seconds
        while self.owed():
            assert time.monotonic() < deadline, f"still owed: {self.account()}"
            self.nursery.run("drain", "--all")

    def repeated(self) -> int:
        """Batches that took more than one attempt."""
        return int(self.ask("SELECT count(*) FROM capture_outboxbatch WHERE attempts > 1")[0][0])

    def account(self) -> Any:
        return self.ask(
            "SELECT sink, sequence, state, attempts, leased_until, first_error, last_error FROM capture_outboxbatch "
            "WHERE state <> 'delivered'"
        ) + self.ask("SELECT name, failures, available_at, last_error FROM capture_sink")

    def in_redis(self) -> int:
        """Redis keeps sums, not events."""
        return sum(self.stores.redis_total("events:daily:*", event_type) for event_type in schema.TABLES)

    def in_view(self) -> Counter[str]:
        """What the de-duplicating views show."""
        dataset = f"{settings.BIGQUERY_PROJECT}.{settings.BIGQUERY_DATASET}"
        return Counter(
            row.event_id
            for table in schema.TABLES.values()
            for row in self.stores.bigquery.query_and_wait(
                f"SELECT event_id FROM `{view_of(f'{dataset}.{table}')}` WHERE timestamp > TIMESTAMP '2000-01-01'"
            )
        )

    def assert_all_hold_the_log_once(self) -> None:
        logged = self.logged()
        assert set(logged.values()) <= {1}
        assert different(self.stores.in_cloud_storage(), logged) == {}
        assert different(self.stores.in_bigquery(), logged) == {}
        assert self.in_redis() == len(logged)
        self.assert_the_ledger_closes()

    def assert_the_ledger_closes(self) -> None:
        self.nursery.run("close_ledger")
        accounts = self.ask(
            "SELECT sink, captured, delivered, pending, dead, discarded FROM capture_ledgerday"
        )
        assert {sink for sink, *_ in accounts} == set(SINKS)
        assert all(captured == sum(rest) for _, captured, *rest in accounts), accounts


def different(held: Counter[str], logged: Counter[str]) -> dict[str, tuple[int, int]]:
    """The events that a store holds more or less often than the log: how often each."""
    return {
        event_id: (held[event_id], logged[event_id])
        for event_id in held.keys() | logged.keys()
        if held[event_id] != logged[event_id]
    }


def set_up(environment: Mapping[str, str]) -> None:
    """The bucket and the dataset, in this process: the commands would take seconds to start."""
    project = environment["BIGQUERY_PROJECT"]
    cloud_storage_setup.set_up(
        CloudStorageSink(
            environment["CLOUD_STORAGE_BUCKET"], environment["CLOUD_STORAGE_ENDPOINT"], project, "us"
        ),
        retention_days=90,
    )
    bigquery_setup.set_up(
        BigQuerySink(project, environment["BIGQUERY_DATASET"], "us", environment["BIGQUERY_ENDPOINT"]),
        retention_days=90,
    )


@contextmanager
def opened_stores(environment: Mapping[str, str]) -> Iterator[Stores]:
    project, nobody = environment["BIGQUERY_PROJECT"], AnonymousCredentials()
    stores = Stores(
        redis.Redis.from_url(environment["REDIS_URL"], decode_responses=True),
        storage.Client(
            project, nobody, client_options={"api_endpoint": environment["CLOUD_STORAGE_ENDPOINT"]}
        ),
        bigquery.Client(project, nobody, client_options={"api_endpoint": environment["BIGQUERY_ENDPOINT"]}),
    )
    yield stores
    stores.redis.close()
    stores.storage.close()
    stores.bigquery.close()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not after {seconds} s: {what}"
        time.sleep(0.02)


@contextmanager
def meanwhile(*work: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """Runs these in threads until they end, or the block does; what they raise is raised here."""
    enough, raised = threading.Event(), []

    def guarded(one: Callable[[threading.Event], None]) -> None:
        try:
            one(enough)
        except BaseException as error:
            raised.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    try:
        yield enough
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    if raised:
        raise raised[0]
