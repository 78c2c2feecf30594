"""One child process: started through launch.py, in a session of its own, with its output in a log file."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

LAUNCHER = Path(__file__).with_name("launch.py")
POLL_SECONDS = 0.05


class StartError(RuntimeError):
    """Something did not start; the message is a sentence for the person at the terminal."""


def always() -> bool:
    return True


def never() -> bool:
    return False


def nothing() -> None:
    return


@dataclass
class Process:
    """What to run and how to know that it is ready; then the handle on what runs.

    `stop_signal` is also what the child gets when this process dies without stopping it;
    `clear_up` ends what has left the child's process group.
    """

    name: str
    command: Sequence[str]
    log: Path
    is_ready: Callable[[], bool] = always
    environment: Mapping[str, str] | None = None
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    ready_seconds: float = 120.0
    identity: str = "same"
    clear_up: Callable[[], None] = nothing
    popen: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        if self.popen is None:
            raise StartError(f"{self.name} was never started.")
        return self.popen.pid

    @property
    def exit_code(self) -> int | None:
        return None if self.popen is None else self.popen.poll()

    def is_running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def start(self) -> None:
        """Return at once; `wait_until_ready` comes after.

        Linux sends the death signal when the *thread* that started a child ends, so only the main
        thread, which ends with the process, may start one.
        """
        if threading.current_thread() is not threading.main_thread():
            raise StartError(f"{self.name} must be started from the main thread.")
        keep_previous(self.log)
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [*self._launcher(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
            )

    def _launcher(self) -> list[str]:
        death_signal = str(int(self.stop_signal))
        return [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), death_signal, self.identity]

    def wait_until_ready(self, check: Callable[[], None] = nothing) -> None:
        """`check` may raise to end the waiting; it is asked once more when the probe has succeeded."""
        deadline = time.monotonic() + self.ready_seconds
        while not self.is_ready():
            check()
            self.fail_if_ended()
            if time.monotonic() > deadline:
                self.fail(f"was not ready after {self.ready_seconds:.0f} seconds")
            time.sleep(POLL_SECONDS)
        check()
        self.fail_if_ended()

    def fail_if_ended(self) -> None:
        if not self.is_running():
            self.fail(f"ended while starting ({self.how_it_ended()})")

    def fail(self, how: str, lines: int = 15) -> NoReturn:
        raise StartError(f"{self.name} {how}. {self.last_lines(lines)}")

    def signal_group(self, number: int) -> None:
        # PermissionError: on macOS a group of zombies.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def ask_to_stop(self) -> None:
        if self.is_running():
            with suppress(ProcessLookupError):
                os.kill(self.pid, self.stop_signal)

    def stop(self) -> None:
        self.ask_to_stop()
        self.end()

    def end(self, hurry: Callable[[], bool] = never) -> None:
        """Wait for one that was asked to stop, then insist: nothing it started is left after this."""
        deadline = time.monotonic() + self.stop_seconds
        while self.is_running() and time.monotonic() < deadline and not hurry():
            time.sleep(POLL_SECONDS)
        self.kill()

    def kill(self) -> None:
        """kill -9 of the whole group, whether or not its leader still lives."""
        if self.popen is None:
            return
        self.signal_group(signal.SIGKILL)
        self.popen.wait()
        self.clear_up()

    def how_it_ended(self) -> str:
        code = self.exit_code
        if code is None:
            return "still running"
        return f"exit code {code}" if code >= 0 else f"signal {-code}, {signal.strsignal(-code)}"

    def last_lines(self, count: int = 15) -> str:
        lines = tail(self.log, count)
        if not lines:
            return f"Its log, {self.log}, is empty."
        return "\n    ".join([f"Its log, {self.log}, ends:", *lines])


def tail(path: Path, count: int) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 20_000))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-count:]


def keep_previous(log: Path) -> None:
    """A log begins anew with each start; the one before stays beside it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
