"""Starts LeafLoaf's commands by forking a process that has everything imported already.

A cold start costs seconds, so hundreds of kill -9 would take an hour. A fork has the same code, its own connections
(the parent opens none) and takes a hundredth of a second.

Run as a program it reads commands, a JSON list a line, and answers each with a number:

    ["start", "drain", "--loop"]   the pid of the new process
    ["start", "write", "name"]     likewise, of one that runs tests/faults/writer.py
    ["wait", 4711]                 its exit code, once it has ended; negative for a signal
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from leafloaf.stack.services import REPOSITORY

PR_SET_PDEATHSIG = 1
SMALL_BATCHES = {"BATCH_SIZE": 25, "MAX_AGE_SECONDS": 0.2}
"""Many of them, so that there is always one to be caught at."""


@dataclass
class Child:
    """One forked command."""

    nursery: "Nursery"
    pid: int

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        self.nursery.children.discard(self.pid)
        return self.nursery.ask("wait", self.pid)


class Nursery:
    """The forking process, seen from the test."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery"],
                env=dict(environment),
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        self.log = log
        self.children: set[int] = set()
        self._turn = threading.Lock()

    def ask(self, *command: object) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self._turn:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        assert answer, f"the nursery is gone: {self.log.read_text()[-2000:]}"
        return int(answer)

    def start(self, *command: str) -> Child:
        child = Child(self, self.ask("start", *command))
        self.children.add(child.pid)
        return child

    def run(self, *command: str) -> None:
        """To the end, which must be a good one."""
        code = self.start(*command).wait()
        assert code == 0, f"{command} ended with {code}: {self.log.read_text()[-2000:]}"

    def clear(self) -> None:
        """kill -9 for those that a failed test left running."""
        for pid in list(self.children):
            Child(self, pid).kill()

    def close(self) -> None:
        """Whatever it still runs gets a kill -9."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()


@contextmanager
def nursery(environment: Mapping[str, str], log: Path) -> Iterator[Nursery]:
    opened = Nursery(environment, log)
    try:
        yield opened
    finally:
        opened.close()


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leafloaf.settings")
    django.setup()
    from django.conf import settings

    from capture.sinks import bigquery, cloud_storage, redis  # noqa: F401 (imported once for every child)

    for sink in settings.SINKS.values():
        sink.update(SMALL_BATCHES)
    for line in sys.stdin:
        word, *rest = json.loads(line)
        print(_forked(rest) if word == "start" else _ended(rest[0]), flush=True)  # noqa: T201 (the answer)


def _ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _forked(command: list[str]) -> int:
    pid = os.fork()
    if pid == 0:
        _run(command)
    return pid


def _run(command: list[str]) -> NoReturn:
    """In the child: never returns into the parent's loop."""
    code = 1
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.dup2(2, 1)  # standard output is for the parent's answers
        _act(command)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 (whatever it is, the log shall show it)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _act(command: list[str]) -> None:
    from django.core.management import ManagementUtility

    from tests.faults import writer

    if command[0] == "write":
        writer.run(*command[1:])
    else:
        ManagementUtility(["manage.py", *command]).execute()


if __name__ == "__main__":
    main()
