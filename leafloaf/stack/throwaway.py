"""A stack for one test session: the real servers in a temporary folder, fast and without durability.

It reads no settings, so a test run can start it before they are read. Every process gets a signal when
this one dies, even by kill -9; the folder of a run that died so is removed by a later one.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from leafloaf.stack import ports, redis_server, services, surroundings
from leafloaf.stack.postgres import Postgres
from leafloaf.stack.redis_server import RedisServer
from leafloaf.stack.services import BIGQUERY, CLOUD_STORAGE, POSTGRES, REDIS, Kind, Service

PREFIX = "leafloaf-throwaway-"
EXISTING_DATABASE = "LEAFLOAF_TEST_DATABASE_URL"
YOUNG_SECONDS = 60


class Component:
    """A server under test, which a test may stop, kill and bring back on the same port and data."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.process = service.process()

    @property
    def address(self) -> str:
        return self.service.address

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_running(self) -> bool:
        return self.process.is_running()

    def begin(self) -> None:
        """Return at once, unless something has to be made first."""
        self.service.prepare()
        self.process.start()

    def become_ready(self) -> None:
        self.process.wait_until_ready()
        self.service.finish()

    def start(self) -> None:
        """From the main thread only."""
        self.begin()
        self.become_ready()

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def restart(self) -> None:
        self.stop()
        self.start()


class ThrowawayStack:
    """`environment` is what the application needs to find the components, by the names of the kinds."""

    def __init__(self, folder: Path, kinds: list[Kind]) -> None:
        self.folder = folder
        self.ports = ports.RememberedPorts(folder / "ports.json")
        self.components = {kind.name: Component(self._service(kind)) for kind in kinds}
        self.environment = self._environment()

    def __getitem__(self, name: str) -> Component:
        return self.components[name]

    def _service(self, kind: Kind) -> Service:
        port, log = self.ports.get(kind.name), self.folder / "log" / f"{kind.name}.log"
        if kind == POSTGRES:
            return Postgres(self.folder, port, log, durable=False)
        if kind == REDIS:
            return RedisServer(self.folder, port, log, durable=False)
        if kind == CLOUD_STORAGE:
            return services.cloud_storage(self.folder, port, log)
        return services.bigquery(self.folder, port, log, self.ports.get(services.WRITE_PORT))

    def start(self) -> None:
        """All at once. Postgres last, since initdb keeps this process waiting while the others start."""
        for component in reversed(self.components.values()):
            component.begin()
        for component in self.components.values():
            component.become_ready()
        self.environment = self._environment()

    def _environment(self) -> dict[str, str]:
        stack = {"LEAFLOAF_VAR": str(self.folder)}
        for kind in services.KINDS:
            if kind.name in self.components and self.components[kind.name].process.popen:
                stack |= self.components[kind.name].service.environment()
            elif kind.switch:
                stack[kind.switch] = "false"
        return surroundings.completed({}, stack)

    def stop(self) -> None:
        for component in self.components.values():
            component.process.ask_to_stop()
        for component in self.components.values():
            component.process.end()


@contextmanager
def throwaway_stack(
    redis: bool = True, cloud_storage: bool = True, bigquery: bool = True
) -> Iterator[ThrowawayStack]:
    """Started on entering, gone with its data on leaving.

    The Postgres named in LEAFLOAF_TEST_DATABASE_URL is used in place of an embedded one.
    """
    existing = os.environ.get(EXISTING_DATABASE, "")
    wanted = {POSTGRES: not existing, REDIS: redis and redis_server.find() is not None}
    wanted |= {CLOUD_STORAGE: cloud_storage, BIGQUERY: bigquery}
    with temporary_folder() as folder:
        stack = ThrowawayStack(folder, [kind for kind, is_wanted in wanted.items() if is_wanted])
        atexit.register(stack.stop)
        try:
            stack.start()
            if existing:
                stack.environment["DATABASE_URL"] = existing
            yield stack
        finally:
            stack.stop()
            atexit.unregister(stack.stop)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Locked for as long as it is in use, which is how `sweep` knows the abandoned ones."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o755)  # for the account that Postgres runs as
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > YOUNG_SECONDS and is_abandoned(folder / "lock"):
                shutil.rmtree(folder, ignore_errors=True)


def is_abandoned(lock: Path) -> bool:
    with lock.open("w") as file:
        return try_lock(file)


def try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
