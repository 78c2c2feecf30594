"""LeafLoaf's own processes, as tests start them: with an environment and, where they store anything, a database."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection

from leafloaf.stack import ports
from leafloaf.stack.services import REPOSITORY, answers

QUIET = {"DEBUG": "true", "SECRET_KEY": "for-tests-only", "LOG_LEVEL": "WARNING"}
STOP_SECONDS = 15


def database_url(port: int | None = None) -> str:
    """The address of the database this test uses, or of the same on another port."""
    at = connection.settings_dict
    login = f"{quote(at['USER'], safe='')}:{quote(at['PASSWORD'], safe='')}"
    return f"postgres://{login}@{at['HOST']}:{port or at['PORT']}/{at['NAME']}"


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """This process's environment for a child on the same database, with its own folder for what it writes."""
    # An empty value, not a missing one, hides what a `.env` of the developer says.
    child = {**os.environ, **QUIET, "DATABASE_URL": database_url(), "DATABASE_REPLICA_URL": ""}
    child["LEAFLOAF_VAR"] = str(folder)
    return child | {"PYTHONWARNINGS": "", "CELERY_BROKER_URL": "filesystem://"} | variables


def switched(redis: bool, cloud_storage: bool, bigquery: bool) -> dict[str, str]:
    """The variables that switch the three backends; the addresses of those that are off are hidden as well."""
    off = {
        "REDIS_URL": redis,
        "CLOUD_STORAGE_BUCKET": cloud_storage,
        "CLOUD_STORAGE_ENDPOINT": cloud_storage,
        "BIGQUERY_PROJECT": bigquery,
        "BIGQUERY_ENDPOINT": bigquery,
    }
    on = {"REDIS_ENABLED": redis, "CLOUD_STORAGE_ENABLED": cloud_storage, "ENABLE_BIGQUERY": bigquery}
    return {name: str(is_on).lower() for name, is_on in on.items()} | {
        name: "" for name, is_on in off.items() if not is_on
    }


def begun(
    arguments: list[str], variables: Mapping[str, str], log: Path | None = None
) -> subprocess.Popen[str]:
    """A Python process in the repository, in a group of its own; its output goes to the log or to a pipe."""
    log = log or Path(os.devnull)
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=dict(variables),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=file if log.name != "null" else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )


def ended(process: subprocess.Popen[str], seconds: float = 240) -> tuple[int, str]:
    """The exit code and the output of a process that ends by itself."""
    try:
        output, _ = process.communicate(timeout=seconds)
    finally:
        killed(process)
    return process.returncode, output


def manage(variables: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    return begun(["manage.py", *arguments], variables)


def killed(process: subprocess.Popen[str]) -> None:
    """kill -9 of the process and everything it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def stopped(process: subprocess.Popen[str]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    killed(process)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Web:
    """A web server of LeafLoaf's on a free port."""

    process: subprocess.Popen[str]
    port: int
    key: str = ""

    def get(self, path: str, **headers: str) -> Answer:
        return self._call(urllib.request.Request(self._url(path), headers=headers))  # noqa: S310

    def post(self, path: str, body: Any) -> Answer:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        data = json.dumps(body).encode()
        return self._call(urllib.request.Request(self._url(path), data, headers))  # noqa: S310

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @staticmethod
    def _call(request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (our own server)
                return Answer(answer.status, dict(answer.headers), json.loads(answer.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), json.loads(error.read()))


def web_begun(variables: Mapping[str, str], log: Path, key: str = "", workers: int = 1) -> Web:
    """The web server `make run` starts, with fewer workers; not ready yet."""
    port = ports.any_free()
    threads = variables.get("WEB_THREADS", "32")
    options = (
        f"--interface wsgi --host 127.0.0.1 --port {port} --workers {workers} --blocking-threads {threads}"
    )
    arguments = [
        "-m",
        "granian",
        *options.split(),
        "--workers-kill-timeout",
        "5",
        "--http1-buffer-size",
        "65536",
        "--log-config",
        "leafloaf/observability/granian.json",
        "leafloaf.wsgi:application",
    ]
    return Web(begun(arguments, variables, log), port, key)


def wait_for(
    condition: Any, what: str, log: Path, process: subprocess.Popen[str], seconds: float = 240
) -> None:
    """Until the condition holds; fails with the end of the log when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        assert process.poll() is None, f"{what}: ended with {process.poll()}: {said}"
        assert time.monotonic() < deadline, f"{what}: not after {seconds} s: {said}"
        time.sleep(0.1)


@contextmanager
def web(
    variables: Mapping[str, str], folder: Path, key: str = "", workers: int = 1, path: str = "/health/ready"
) -> Iterator[Web]:
    """A web server that answers; killed on leaving."""
    server = web_begun(variables, folder / "web.log", key, workers)
    try:
        wait_for(lambda: answers(server.port, path), "web", folder / "web.log", server.process)
        yield server
    finally:
        killed(server.process)
