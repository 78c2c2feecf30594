"""Servers of the bench's own in a temporary folder: Postgres with fsync on, Redis, and whatever is to be measured."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from leafloaf.stack import ports, throwaway
from leafloaf.stack.postgres import Postgres
from leafloaf.stack.process import Process
from leafloaf.stack.redis_server import RedisServer
from leafloaf.stack.services import REPOSITORY, Service, answers

SETTINGS = "bench.settings"
# A checkpoint makes the pages after it expensive for whoever happens to run then; one begins at half this size.
POSTGRES_SETTINGS = {"max_wal_size": "64GB", "checkpoint_timeout": "1h"}


@dataclass
class Stack:
    """What runs, and the variables that lead to it."""

    folder: Path
    postgres: throwaway.Component
    redis: throwaway.Component
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Process] = field(default_factory=list)

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def component(self, service: Service) -> throwaway.Component:
        """A server that ends with the bench."""
        made = throwaway.Component(service)
        made.start()
        self.started.append(made.process)
        return made

    def run(self, process: Process, environment: Mapping[str, str] | None = None) -> Process:
        """A process that ends with the bench, ready."""
        process.environment = os.environ | self.environment | dict(environment or {})
        process.folder = REPOSITORY
        process.start()
        self.started.append(process)
        process.wait_until_ready()
        return process

    def stop(self, *processes: Process) -> None:
        for process in processes:
            process.stop()
            self.started.remove(process)

    def granian(
        self,
        name: str,
        *,
        workers: int,
        threads: int,
        wsgi: str = "leafloaf.wsgi:application",
        settings: str = SETTINGS,
        environment: Mapping[str, str] | None = None,
    ) -> tuple[Process, int]:
        """A web server like that of `make run`, with its port."""
        port = ports.any_free()
        options = f"--interface wsgi --host 127.0.0.1 --port {port} --workers {workers} --blocking-threads {threads}"
        command = [
            sys.executable,
            "-m",
            "granian",
            *options.split(),
            "--workers-kill-timeout",
            "5",
            "--no-ws",
            wsgi,
        ]
        process = Process(name, command, self.log(name), is_ready=lambda: answers(port, "/health/live"))
        return self.run(process, {"DJANGO_SETTINGS_MODULE": settings, **(environment or {})}), port

    def uvicorn(self, name: str, app: str, workers: int) -> tuple[Process, int]:
        port = ports.any_free()
        options = f"--host 127.0.0.1 --port {port} --workers {workers} --no-access-log --log-level warning"
        command = [sys.executable, "-m", "uvicorn", *options.split(), app]
        process = Process(name, command, self.log(name), is_ready=lambda: answers(port, "/health/live"))
        return self.run(process), port

    def python(self, name: str, arguments: Sequence[str], says_when_ready: str = "", **more: str) -> Process:
        """Any other process of the project; ready when its log says so."""
        log = self.log(name)
        return self.run(
            Process(
                name,
                [sys.executable, *arguments],
                log,
                is_ready=lambda: says_when_ready in log.read_text(errors="replace"),
            ),
            more,
        )


@contextmanager
def started() -> Iterator[Stack]:
    """Postgres and Redis, empty; gone on leaving with everything that was started on top."""
    with throwaway.temporary_folder() as folder:
        log = folder / "log"
        postgres = throwaway.Component(Postgres(folder, ports.any_free(), log / "postgres.log"))
        redis = throwaway.Component(RedisServer(folder, ports.any_free(), log / "redis.log"))
        stack = Stack(folder, postgres, redis)
        try:
            postgres.start()
            redis.start()
            stack.environment = environment(stack)
            configure(stack.database_url)
            yield stack
        finally:
            for process in reversed(stack.started):
                process.stop()
            redis.stop()
            postgres.stop()


def environment(stack: Stack) -> dict[str, str]:
    """As in production, behind a proxy that ended TLS; no sink of its own."""
    return {
        **stack.postgres.service.environment(),
        "CELERY_BROKER_URL": stack.redis.service.environment()["CELERY_BROKER_URL"],
        "REDIS_ENABLED": "false",
        "CLOUD_STORAGE_ENABLED": "false",
        "ENABLE_BIGQUERY": "false",
        "DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "127.0.0.1",
        "BEHIND_TLS_PROXY": "true",
        "LEAFLOAF_VAR": str(stack.folder),
        "LOG_LEVEL": "WARNING",
    }


def configure(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in POSTGRES_SETTINGS.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")
