"""What a killed stack left running, found again and ended before the next one starts.

Two ways to know our own, since pids are used again: a child noted in a file together with the
moment of its birth; and a Postgres whose working folder is our data folder.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from leafloaf.stack.process import POLL_SECONDS, Process

MARKER = "LEAFLOAF_STACK"
PATIENCE_SECONDS = 5.0


def birth(pid: int) -> str | None:
    """The same for as long as a process lives, different when its pid is used again, None when gone."""
    if sys.platform != "linux":
        asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
        return asked.stdout.strip() or None
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, started = after_name[0], after_name[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state == "Z" else f"{boot} {started}"


class Register:
    """The children of the running stack, on disk, for whoever comes after a kill -9."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, processes: list[Process]) -> None:
        rows = [[one.pid, int(one.stop_signal), birth(one.pid)] for one in processes]
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(rows))
        unfinished.replace(self.path)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    def living(self) -> list[tuple[int, int]]:
        try:
            rows = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return []
        return [(pid, number) for pid, number, born in rows if born and birth(pid) == born]

    def stop_all(self, mark: str) -> int:
        """End them and every marked process of their groups; how many there were."""
        living = self.living()
        for pid, number in living:
            send(pid, number)
        wait_for(lambda: not self.living())
        for pid, _ in self.living():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        orphans = list(marked(mark))
        for pid in orphans:
            send(pid, signal.SIGKILL)
        self.forget()
        return len(living) + len(orphans)


def marked(mark: str) -> Iterator[int]:
    """Processes that carry our mark in their environment, such as web workers whose parent died."""
    wanted = f"{MARKER}={mark}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            pid = int(environment.parent.name)
            if pid != os.getpid() and wanted in environment.read_bytes().split(b"\0"):
                yield pid


def send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def stop_postgres(data: Path) -> None:
    """A clean stop, then an immediate one, then none: the log of changes repairs what that breaks."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if not list(postgres_in(data)):
            return
        for pid in postgres_in(data):
            send(pid, number)
        wait_for(lambda: not list(postgres_in(data)))


def kill_postgres(data: Path) -> None:
    for pid in postgres_in(data):
        send(pid, signal.SIGKILL)


def postgres_in(data: Path) -> Iterator[int]:
    """The postmaster and its backends; they work in the data folder, and nothing else does."""
    if sys.platform != "linux":
        yield from postmaster_by_command(data)
        return
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            name = Path(os.readlink(process / "exe")).name.removesuffix(" (deleted)")
            if name == "postgres" and Path(os.readlink(process / "cwd")) == data.resolve():
                yield int(process.name)


def postmaster_by_command(data: Path) -> Iterator[int]:
    listing = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        if f"postgres -D {data} " in command:
            yield int(pid)
