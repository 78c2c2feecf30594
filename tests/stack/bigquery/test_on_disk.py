"""Ours, not Google's: the data outlives the process, a person can read it, and requests may come at once."""

import contextlib
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator

import duckdb
from google.cloud import bigquery

from tests.stack.bigquery.conftest import TODAY, client_of, event, only, stream


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Iterator[tuple[bigquery.Client, "subprocess.Popen[str]"]]:
    """The stand-in as `make run` starts it; killed at the end unless it has ended."""
    command = [sys.executable, "-m", "leafloaf.stack.bigquery", "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        client = client_of(process.stdout.readline().split()[-1])
        try:
            yield client, process
        finally:
            client.close()
            process.kill()


def test_what_was_answered_is_there_after_kill_9(tmp_path: pathlib.Path) -> None:
    with running(tmp_path) as (client, process):
        client.create_dataset("shop")
        schema = [bigquery.SchemaField("event_id", "STRING"), bigquery.SchemaField("timestamp", "TIMESTAMP")]
        table = client.create_table(bigquery.Table("shop-1.shop.events", schema=schema))
        client.query_and_wait("CREATE VIEW shop.v AS SELECT event_id FROM `shop-1.shop.events`")
        for batch in range(5):
            stream(client, table, *(event(f"{batch}-{n}") for n in range(100)))
        process.kill()
    with running(tmp_path) as (client, process):
        assert only(client, "(SELECT COUNT(DISTINCT event_id) FROM shop.v)") == 500
        stream(client, client.get_table("shop.events"), event("4-99"))  # the insertId window is kept too
        assert only(client, "(SELECT COUNT(*) FROM shop.events)") == 500
        process.terminate()
        process.wait(60)
    with duckdb.connect(tmp_path / "bigquery.duckdb", read_only=True) as file:
        assert file.sql('SELECT COUNT(*) FROM "shop-1.shop".events').fetchall() == [(500,)]


def test_many_may_stream_and_ask_at_once(client: bigquery.Client, events: bigquery.Table) -> None:
    problems: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for batch in range(5):
                assert stream(client, events, *(event(f"{worker}-{batch}-{n}") for n in range(20))) == []
                only(client, f"(SELECT COUNT(*) FROM shop.events WHERE {TODAY})")
        except BaseException as problem:  # noqa: BLE001 - raised again in the test's own thread
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert only(client, f"(SELECT COUNT(*) FROM shop.events WHERE {TODAY})") == 400
