"""The embedded Redis, on the real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from leafloaf.stack import ports, redis_server
from leafloaf.stack.process import Process, StartError
from leafloaf.stack.redis_server import RedisServer

pytestmark = pytest.mark.skipif(redis_server.find() is None, reason="there is no redis-server here")


@pytest.fixture
def started() -> Iterator[list[Process]]:
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.stop()


def start(server: RedisServer, started: list[Process]) -> Process:
    server.prepare()
    process = server.process()
    started.append(process)
    process.start()
    process.wait_until_ready()
    return process


def test_a_second_start_keeps_the_keys(tmp_path: Path, started: list[Process]) -> None:
    server = RedisServer(tmp_path, ports.any_free(), tmp_path / "redis.log")
    process = start(server, started)
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
    process.stop()

    start(server, started)

    with redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"yes"


def test_it_listens_on_this_machine_only_and_writes_each_second(
    tmp_path: Path, started: list[Process]
) -> None:
    server = RedisServer(tmp_path, ports.any_free(), tmp_path / "redis.log")
    start(server, started)

    with redis.Redis.from_url(server.url) as client:
        settings = client.config_get("*")

    assert settings["bind"] == "127.0.0.1"
    assert settings["protected-mode"] == "yes"
    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "everysec")


def test_a_throw_away_one_writes_nothing(tmp_path: Path, started: list[Process]) -> None:
    server = RedisServer(tmp_path, ports.any_free(), tmp_path / "redis.log", durable=False)
    process = start(server, started)
    with redis.Redis.from_url(server.url) as client:
        client.set("lost", "yes")

    process.stop()

    assert list(server.folder.iterdir()) == []


def test_the_broker_has_a_database_of_its_own(tmp_path: Path) -> None:
    variables = RedisServer(tmp_path, 6400, tmp_path / "redis.log").environment()

    assert variables["REDIS_ENABLED"] == "true"
    assert variables["REDIS_URL"] != variables["CELERY_BROKER_URL"]


def test_a_program_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)

    assert not redis_server.runs(str(program))
    assert not redis_server.runs(str(tmp_path / "missing"))


def test_none_at_all_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "find", lambda: None)

    with pytest.raises(StartError, match=r"No redis-server was found.*REDIS_URL"):
        RedisServer(tmp_path, 6400, tmp_path / "redis.log").process()
