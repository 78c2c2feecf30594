"""A dump restored into a fresh cluster, whose transaction ids are smaller than those in the log."""

import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from pytest_django import Settings

from capture import deliver, events, health, ingest, ledger, rebase, seal, sinks, volumes
from capture.models import Notice, OutboxBatch, Sink, Volume
from capture.sinks.base import Refusal, RowsRefused, Unavailable
from capture.sinks.memory import MemorySink
from leafloaf.access.models import AuditEntry
from leafloaf.stack.postgres import Postgres
from leafloaf.stack.throwaway import throwaway_stack
from tests.conftest import memory_configuration

PROGRAMS = ("pg_dump", "pg_restore")
MORE_THAN_A_FRESH_CLUSTER_HAS = 20_000


def capture(*event_ids: str) -> None:
    for event_id in event_ids:
        ingest.record(events.Search(event_id=event_id, query="milk"))


def capture_out_of_order(early: str, late: str) -> None:
    """The transaction that begins first writes last: positions and ids run against each other."""
    began, may_write = threading.Event(), threading.Event()

    def slow_writer() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id()")
            began.set()
            may_write.wait(30)
            capture(late)
        connection.close()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert began.wait(30)
    capture(early)
    may_write.set()
    writer.join()


def logged() -> Counter[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id FROM capture_event")
        return Counter(event_id for (event_id,) in cursor.fetchall())


def value(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def held(sink: MemorySink) -> Counter[str]:
    return Counter(document["event_id"] for document in sink.records)


def use_up_transactions(count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(rebase.USE_UP.format(count=count))


@contextmanager
def connected_to(url: str) -> Iterator[None]:
    """Everything that uses the database uses this one."""
    usual = dict(connection.settings_dict)
    there = urlsplit(url)
    forget_connections()
    address = {"HOST": there.hostname, "PORT": there.port, "USER": there.username, "PASSWORD": there.password}
    connection.settings_dict.update(address | {"NAME": there.path[1:]})
    try:
        yield
    finally:
        forget_connections()
        connection.settings_dict.update(usual)


def forget_connections() -> None:
    default = connections[DEFAULT_DB_ALIAS]
    assert isinstance(default, DatabaseWrapper)
    default.close()
    default.close_pool()


@dataclass(frozen=True)
class Cluster:
    """A server with an empty database for each test, and the programs that came with it."""

    url: str
    programs: Path

    def restored(self) -> str:
        """The address of a new database there that holds what the one in use holds."""
        name = f"restored_{uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}")
        here, there = connection.settings_dict, self.url.rpartition("/")[0] + f"/{name}"
        source = f"postgres://{here['USER']}:{here['PASSWORD']}@{here['HOST']}:{here['PORT']}/{here['NAME']}"
        dumped = subprocess.run([self.programs / "pg_dump", "-Fc", source], capture_output=True, check=True)
        command = [str(self.programs / "pg_restore"), "--exit-on-error", "--no-owner", "-d", there]
        restored = subprocess.run(command, input=dumped.stdout, capture_output=True, check=False)
        assert restored.returncode == 0, restored.stderr.decode()
        return there


@pytest.fixture(scope="module")
def fresh() -> Iterator[Cluster]:
    with throwaway_stack(redis=False, cloud_storage=False, bigquery=False) as stack:
        if "postgres" not in stack.components:
            pytest.skip("LEAFLOAF_TEST_DATABASE_URL names one Postgres, and this takes two")
        postgres = stack["postgres"].service
        assert isinstance(postgres, Postgres)
        if not all((postgres.binaries.folder / program).exists() for program in PROGRAMS):
            pytest.skip("this Postgres comes without pg_dump and pg_restore")
        yield Cluster(postgres.url, postgres.binaries.folder)


@pytest.fixture
def old_shop(memory: MemorySink, settings: Settings) -> MemorySink:
    """Events delivered, refused, tried in vain, sealed, unsealed; and a second sink that is far behind."""
    settings.SINKS = {
        "memory": memory_configuration(BATCH_SIZE=3),
        "slow": memory_configuration(OPTIONS={"name": "slow"}),
    }
    use_up_transactions(MORE_THAN_A_FRESH_CLUSTER_HAS)
    capture("first-1", "first-2", "first-3")
    deliver.drain("slow")
    capture_out_of_order("delivered-1", "delivered-2")
    memory.fail_next(RowsRefused({"first-2": Refusal("not for us", {})}))
    deliver.drain("memory", is_final=True)
    volumes.count()
    capture("tried-1", "tried-2")
    capture_out_of_order("tried-3", "tried-4")
    memory.fail_next(Unavailable("away"))
    deliver.drain("memory", is_final=True)
    Sink.objects.filter(name="memory").update(available_at=datetime.now(UTC))
    capture("sealed-1")
    seal.due("memory", is_final=True)
    capture_out_of_order("unsealed-1", "unsealed-2")
    capture("unsealed-3")
    return memory


def drain_all() -> None:
    for name in ("memory", "slow"):
        deliver.drain(name, budget_seconds=300, is_final=True)


def test_a_restored_log_is_mended_and_every_event_arrives_once(old_shop: MemorySink, fresh: Cluster) -> None:
    slow = sinks.get("slow")
    assert isinstance(slow, MemorySink)
    with connected_to(fresh.restored()):
        assert rebase.is_ahead()
        health.take_readings()
        assert "was restored from another one" in str(health.summary()["notices"])
        assert health.summary()["status"] == "degraded"
        capture("since-1", "since-2")
        before = held(old_shop)
        assert seal.due("memory", is_final=True) == 0
        assert seal.due("slow", is_final=True) == 0

        said = StringIO()
        call_command("outbox_rebase", "--dry-run", stdout=said)
        assert "would renumber" in said.getvalue()
        assert "2 events written since the restore come last" in said.getvalue()
        assert rebase.is_ahead()
        call_command("outbox_rebase", stdout=said)

        assert not rebase.is_due()
        assert not Notice.objects.exists()
        assert AuditEntry.objects.get(actor="outbox_rebase").details["new_events"] == 2
        capture_out_of_order("after-1", "after-2")
        drain_all()
        log = logged()
        assert len(log) == 17
        assert set(log.values()) == {1}
        assert held(old_shop) == log - Counter(["first-2"])
        assert held(slow) == log
        assert before < held(old_shop)
        assert not OutboxBatch.objects.exclude(state=OutboxBatch.State.DELIVERED).exists()
        assert ledger.open_accounts(ledger.close()) == []
        volumes.count()
        assert sum(Volume.objects.values_list("count", flat=True)) == 17


def test_rebasing_twice_changes_nothing(old_shop: MemorySink, fresh: Cluster) -> None:
    with connected_to(fresh.restored()):
        call_command("outbox_rebase", stdout=StringIO())
        position = value("SELECT sum(xid::text::bigint * id) FROM capture_event")
        said = StringIO()
        call_command("outbox_rebase", stdout=said)
        assert "nothing to mend" in said.getvalue()
        assert value("SELECT sum(xid::text::bigint * id) FROM capture_event") == position


def test_too_few_transaction_ids_are_made_up_for(old_shop: MemorySink, fresh: Cluster) -> None:
    with connected_to(fresh.restored()):
        horizon = value(rebase.HORIZON)
        # As if thousands of writers had run side by side: every second event has a smaller id than the one before.
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO capture_event
                    (id, xid, event_id, event_type, occurred_at, received_at, payload, schema_version)
                SELECT 1000000 - number, (1000000 + number)::text::xid8, 'side-' || number, 'search', now(), now(),
                       '{"query": "milk"}', 1
                FROM generate_series(1, %s) AS number
                """,
                [horizon + 500],
            )
        call_command("outbox_rebase", stdout=StringIO())
        assert not rebase.is_due()
        assert value("SELECT max(xid::text::bigint) FROM capture_event") < value(rebase.HORIZON)
        drain_all()
        assert held(old_shop) == logged() - Counter(["first-2"])


def test_a_batch_blocked_by_new_events_among_its_own_is_sent_after_all(
    memory: MemorySink, fresh: Cluster
) -> None:
    use_up_transactions(MORE_THAN_A_FRESH_CLUSTER_HAS)
    capture("old-1", "old-2")
    seal.due("memory")
    with connected_to(fresh.restored()):
        # A batch that begins in this cluster's past and ends in its future.
        with connection.cursor() as cursor:
            cursor.execute("UPDATE capture_event SET xid = '5' WHERE event_id = 'old-1'")
        OutboxBatch.objects.update(first_xid=5)
        rebase.watch()
        capture("since-1")
        deliver.drain("memory")
        assert OutboxBatch.objects.get().state == OutboxBatch.State.BLOCKED
        call_command("outbox_rebase", stdout=StringIO())
        deliver.drain("memory")
        assert held(memory) == logged() == Counter(["old-1", "old-2", "since-1"])


def test_a_log_of_this_cluster_needs_no_mending(old_shop: MemorySink) -> None:
    rebase.watch()
    assert rebase.run() is None
    assert not Notice.objects.exists()


def test_a_rebase_that_would_lose_something_changes_nothing(old_shop: MemorySink, fresh: Cluster) -> None:
    with connected_to(fresh.restored()):
        positions = "SELECT sum(xid::text::bigint * id) FROM capture_event"
        before = value(positions)
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
            )
            cursor.execute(
                "CREATE TRIGGER lose BEFORE UPDATE ON capture_outboxbatch FOR EACH ROW EXECUTE FUNCTION lose()"
            )
        with pytest.raises(CommandError, match="would not read back as before"):
            call_command("outbox_rebase", stdout=StringIO())
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION lose() CASCADE")
        assert value(positions) == before
        assert rebase.is_ahead()
