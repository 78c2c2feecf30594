"""The throw-away stack that the other tests stand on."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from leafloaf.stack import redis_server, throwaway
from leafloaf.stack.throwaway import throwaway_stack
from tests.stack.processes import is_alive, wait_until

REPOSITORY = Path(__file__).parents[2]
needs_redis = pytest.mark.skipif(redis_server.find() is None, reason="there is no redis-server here")


@needs_redis
def test_components_can_be_killed_and_come_back_at_the_same_address() -> None:
    with throwaway_stack(cloud_storage=False, bigquery=False) as stack:
        url = stack.environment["DATABASE_URL"]
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

        stack["postgres"].kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        stack["postgres"].start()
        stack["redis"].restart()

        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
        with redis.Redis.from_url(stack.environment["REDIS_URL"]) as client:
            assert client.ping()


def test_nothing_is_left_of_it() -> None:
    with throwaway_stack(redis=False, cloud_storage=False, bigquery=False) as stack:
        pid = stack["postgres"].pid
        folder = stack.folder
        assert stack.environment["REDIS_ENABLED"] == "false"
        assert stack.environment["ENABLE_BIGQUERY"] == "false"
        assert stack.environment["LEAFLOAF_VAR"] == str(folder)

    assert not is_alive(pid)
    assert not folder.exists()


def test_a_named_database_replaces_the_embedded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(throwaway.EXISTING_DATABASE, "postgres://theirs/db")

    with throwaway_stack(redis=False, cloud_storage=False, bigquery=False) as stack:
        assert stack.environment["DATABASE_URL"] == "postgres://theirs/db"
        assert stack.components == {}


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_its_processes_end_with_a_test_run_that_is_killed() -> None:
    program = (
        "import time\n"
        "from leafloaf.stack.throwaway import throwaway_stack\n"
        "with throwaway_stack(cloud_storage=False, bigquery=False) as stack:\n"
        "    print(*[one.pid for one in stack.components.values()], flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        pids = [int(pid) for pid in run.stdout.readline().split()]
        assert pids

        os.kill(run.pid, signal.SIGKILL)

        wait_until(lambda: not any(is_alive(pid) for pid in pids), "the servers have ended")


def test_folders_of_killed_runs_are_swept_and_those_in_use_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(throwaway, "YOUNG_SECONDS", -1)
    abandoned, in_use = (tmp_path / f"{throwaway.PREFIX}{name}" for name in ("abandoned", "in-use"))
    for folder in (abandoned, in_use):
        folder.mkdir()
        (folder / "lock").touch()
    with (in_use / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        throwaway.sweep()

        assert not abandoned.exists()
        assert in_use.exists()


def test_importing_it_does_not_read_the_settings() -> None:
    program = "import sys, leafloaf.stack.throwaway; sys.exit('leafloaf.settings' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == 0
