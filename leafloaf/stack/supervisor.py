"""Starts processes in order, watches them, and stops them in reverse: all of them or none.

Invariants:
* one supervisor a folder (an flock, which no child inherits);
* a signal handler only sets a flag, since `Popen.wait()` in one dead-locks;
* however `running` is left, every process group it started has ended.
"""

import fcntl
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Self

from leafloaf.stack.leftovers import MARKER, Register
from leafloaf.stack.process import POLL_SECONDS, Process

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WATCH_SECONDS = 0.2


class StopRequestedError(Exception):
    """Somebody wants an end: not a failure."""


class CrashError(RuntimeError):
    """A process that should have gone on has ended; the message says which, and its last words."""


class AlreadyRunningError(RuntimeError):
    pass


class StopFlag:
    """Counts the requests to stop; from the second one on there is no patience left."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.requests += 1

    def is_set(self) -> bool:
        return self.requests > 0

    def is_urgent(self) -> bool:
        return self.requests > 1

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Also where the parent had SIGINT ignored, as shells do for what runs in the background."""
        before = {number: signal.signal(number, self) for number in STOP_SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def sole_instance(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"LeafLoaf already runs with the data in {path.parent}.") from None
        yield


class Supervisor:
    """`tick` is called while waiting, for whoever shows progress."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        flag: StopFlag,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.mark = str(folder.resolve())
        self.environment = {**environment, MARKER: self.mark}
        self.flag = flag
        self.tick = tick
        self.register = Register(folder / "children.json")
        self.groups: list[tuple[Process, ...]] = []

    @property
    def processes(self) -> list[Process]:
        return [process for group in self.groups for process in group if process.popen]

    @contextmanager
    def running(self) -> Iterator[Self]:
        self.register.stop_all(self.mark)
        try:
            yield self
        finally:
            self.stop()

    def start(self, *processes: Process) -> None:
        """Side by side; return when all are ready. Raise when any at all ended, or a stop was asked for."""
        self.groups.append(processes)
        for process in processes:
            self._spawn(process)
        self.register.note(self.processes)
        for process in processes:
            process.wait_until_ready(lambda name=process.name: self._check(name))  # type: ignore[misc]

    def run_to_end(self, *steps: Process) -> None:
        """Side by side; return when all have ended with exit code 0."""
        try:
            for step in steps:
                self._spawn(step)
            while any(step.is_running() for step in steps):
                self._check()
                time.sleep(POLL_SECONDS)
        finally:
            self._stop(steps)
        for step in steps:
            if step.exit_code != 0:
                step.fail(f"failed ({step.how_it_ended()})", lines=30)

    def watch(self) -> None:
        """Return never: raise when a stop is asked for or a process has ended."""
        while True:
            self._check()
            time.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        for group in reversed(self.groups):
            self._stop(group)
        self.groups.clear()
        self.register.forget()

    def _stop(self, group: tuple[Process, ...]) -> None:
        for process in group:
            process.ask_to_stop()
        for process in group:
            process.end(self.flag.is_urgent)

    def _spawn(self, process: Process) -> None:
        process.environment = {**self.environment, **(process.environment or {})}
        process.start()

    def _check(self, starting: str = "") -> None:
        self.tick()
        if self.flag.is_set():
            raise StopRequestedError
        for process in self.processes:
            if process.name != starting and not process.is_running():
                raise CrashError(
                    f"{process.name} ended by itself ({process.how_it_ended()}). {process.last_lines()}"
                )
