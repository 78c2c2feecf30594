"""`make run` as a person uses it: the real servers, the real application, and real signals."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import environ
import psycopg
import pytest

from leafloaf.stack import ports, surroundings
from leafloaf.stack.process import StartError
from leafloaf.stack.run import web_port
from leafloaf.stack.throwaway import throwaway_stack
from tests.stack.processes import is_alive, wait_until, with_in_command_or_environment

REPOSITORY = Path(__file__).parents[2]
OFF = {"CLOUD_STORAGE_ENABLED": "false", "ENABLE_BIGQUERY": "false"}

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def start(var: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []
    # Empty says "not set", and keeps a developer's own .env out of the test.
    nothing = dict.fromkeys(surroundings.SHARED, "")

    def start(port: int, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, **nothing, "LEAFLOAF_VAR": str(var), "PORT": str(port), **variables}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "leafloaf.stack"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=REPOSITORY,
                env=environment,
            )
        )
        return started[-1]

    yield start
    for run in started:
        run.terminate()
        run.communicate(timeout=180)


def wait_until_ready(run: subprocess.Popen[str], var: Path) -> dict[str, str | None]:
    wait_until(lambda: (var / "stack.json").exists() or run.poll() is not None, "stack.json is written")
    assert run.poll() is None, run.communicate()[0]
    return dict(json.loads((var / "stack.json").read_text()))


def shared_variables(var: Path) -> dict[str, str]:
    """What `manage.py` in another terminal reads."""
    found: dict[str, str] = {}

    class Reader(environ.Env):
        ENVIRON = found  # type: ignore[assignment]

    Reader.read_env(var / "stack.env")
    return found


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (our own address)
        return int(answer.status)


def leftovers(var: Path) -> list[int]:
    return list(with_in_command_or_environment(str(var)))


def test_it_serves_says_where_refuses_a_second_and_leaves_nothing(start: Start, var: Path) -> None:
    port = ports.any_free()
    run = start(port)
    addresses = wait_until_ready(run, var)
    variables = shared_variables(var)

    assert set(addresses) == {"web", "postgres", "redis", "cloud_storage", "bigquery"}
    assert addresses["web"] == f"http://127.0.0.1:{port}"
    assert status(f"{addresses['web']}/health/ready") == 200
    assert status(f"{addresses['cloud_storage']}/_standin/health") == 200
    assert status(f"{addresses['bigquery']}/_standin/health") == 200
    password = (var / "postgres-application-password").read_text()
    assert password in variables["DATABASE_URL"]
    assert (var / "postgres-password").read_text() not in (var / "stack.env").read_text()
    assert addresses["postgres"] == variables["DATABASE_URL"]
    for private in ("stack.env", "stack.json"):
        assert stat.S_IMODE((var / private).stat().st_mode) == 0o600
    assert set(variables) == set(surroundings.SHARED)

    second = start(ports.any_free())
    said, _ = second.communicate(timeout=180)
    assert second.returncode == 1
    assert "LeafLoaf already runs" in said
    assert f"http://127.0.0.1:{port}" in said

    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=180)
    assert run.returncode == 0, said
    assert "sk_demo_leafloaf" in said
    assert said.endswith("Stopped.\n")
    assert not (var / "stack.json").exists()
    assert not (var / "stack.env").exists()
    assert leftovers(var) == []
    assert ports.is_free(port)


def test_after_kill_9_of_everything_the_next_start_recovers_and_a_crash_stops_all(
    start: Start, var: Path
) -> None:
    port = ports.any_free()
    first = start(port, **OFF)
    before = wait_until_ready(first, var)
    with psycopg.connect(shared_variables(var)["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    for pid in (first.pid, *leftovers(var)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    first.wait()
    written_at = changed_at(var / "stack.json")

    second = start(port, **OFF)
    wait_until(lambda: changed_at(var / "stack.json") != written_at, "the addresses of the dead are gone")
    after = wait_until_ready(second, var)

    assert after == before
    with psycopg.connect(shared_variables(var)["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]

    worker = next(pid for pid in leftovers(var) if is_worker(pid))
    os.kill(worker, signal.SIGKILL)
    said, _ = second.communicate(timeout=180)
    assert second.returncode == 1
    assert "worker ended by itself (signal 9, Killed)" in said
    assert str(var / "log" / "worker.log") in said
    assert leftovers(var) == []


def changed_at(file: Path) -> int | None:
    """None when it is gone."""
    with suppress(FileNotFoundError):
        return file.stat().st_mtime_ns
    return None


def is_worker(pid: int) -> bool:
    with suppress(OSError):  # it has ended since it was found
        return is_alive(pid) and b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def test_named_servers_are_used_and_none_is_started_beside_them(start: Start, var: Path) -> None:
    with throwaway_stack(redis=False, cloud_storage=False, bigquery=False) as theirs:
        url = theirs.environment["DATABASE_URL"]
        run = start(ports.any_free(), DATABASE_URL=url, REDIS_ENABLED="false", **OFF)

        addresses = wait_until_ready(run, var)

        assert addresses["postgres"] == url
        assert [addresses[name] for name in ("redis", "cloud_storage", "bigquery")] == [None, None, None]
        assert not (var / "postgres").exists()
        assert shared_variables(var)["DATABASE_URL"] == url
        assert shared_variables(var)["CELERY_BROKER_URL"] == "filesystem://"
        run.terminate()
        run.wait(timeout=180)
        assert theirs["postgres"].is_running()


def test_a_taken_port_is_said_with_the_variable_that_changes_it(start: Start, var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        said, _ = (run := start(port)).communicate(timeout=180)

    assert run.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken by another program" in said
    assert f"PORT={port + 1} make run" in said
    assert not (var / "postgres").exists()


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_said(port: str) -> None:
    with pytest.raises(StartError, match=r"PORT must be a number from 1 to 65535"):
        web_port({"PORT": port})


def test_ports_are_remembered_while_they_are_free(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    port = ports.RememberedPorts(path).get("redis")

    assert ports.RememberedPorts(path).get("redis") == port
    with socket.create_server(("127.0.0.1", port)):
        assert ports.RememberedPorts(path).get("redis") != port


def test_a_spoilt_file_of_ports_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    path.write_text("{")

    assert ports.LOWEST <= ports.RememberedPorts(path).get("redis") <= ports.HIGHEST


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://anna:secret@db.example:5432/shop?password=x", "postgres://anna@db.example:5432/shop"),
        ("redis://:secret@127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("https://bigquery.example", "https://bigquery.example"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert surroundings.without_password(url) == shown


def test_what_the_user_says_wins_over_the_stack() -> None:
    user = {"REDIS_URL": "redis://theirs/0", "DEBUG": "false"}
    stack = {"REDIS_URL": "redis://ours/0", "DATABASE_URL": "postgres://ours/db"}

    both = surroundings.completed(user, stack)

    assert both == {**stack, **user, "CELERY_BROKER_URL": "redis://theirs/0"}


def test_redis_switched_off_leaves_a_broker_that_needs_none() -> None:
    both = surroundings.completed({"REDIS_URL": "redis://idle/0", "REDIS_ENABLED": "no"}, {})

    assert both["CELERY_BROKER_URL"] == "filesystem://"


def test_dotenv_values_come_back_as_they_were(tmp_path: Path) -> None:
    variables = {"DATABASE_URL": "postgres://u:p#a$s%20s@h/d?x=y", "CELERY_BROKER_URL": "redis://h/1"}

    surroundings.write_env(tmp_path / "stack.env", variables)

    assert shared_variables(tmp_path) == variables


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    monkeypatch.delenv("BIGQUERY_ENDPOINT", raising=False)
    (tmp_path / ".env").write_text(
        "REDIS_URL=redis://from-the-file/0\nBIGQUERY_ENDPOINT=http://from-the-file\n"
    )

    user = surroundings.of_the_user(tmp_path / ".env")

    assert "REDIS_URL" not in user
    assert user["BIGQUERY_ENDPOINT"] == "http://from-the-file"
    monkeypatch.delenv("BIGQUERY_ENDPOINT")
