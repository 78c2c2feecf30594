"""Runs the suite as several pytest processes at once, each with a stack of its own: `python -m tests.parts`.

Much of the suite waits: for processes to start, leases to end, servers to come back. So each process takes the tests of
a file when it has done with the one before; no two take the same, since whoever makes its marker first has it. All see
the same tests in the same order, and every one is some process's or the run fails.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from leafloaf.stack.throwaway import EXISTING_DATABASE
from tests import own_ports

FOLDER = "LEAFLOAF_TEST_PARTS"
"""Where the markers are; set for the processes of one run."""
WANTED = "PARTS"
MOST = 4
"""A process has a Postgres and a Redis of its own."""


class Parts:
    """A plugin of each of the processes: leaves alone what another has taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """As pytest's own. A test is told which one comes next, for it ends the fixtures that that one does without:
        so the next file is taken while the last test of this one is still to run.
        """
        if session.testsfailed or session.config.option.collectonly:
            return None  # nothing could be collected, or nothing is to be run
        mine = self._mine(session.items)
        item = next(mine, None)
        while item is not None:
            following = next(mine, None)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
            item = following
        return True

    def _mine(self, items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
        groups = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
        (self.folder / f"groups-{os.getpid()}").write_text(str(len(groups)))
        for number, group in enumerate(groups):
            if taken(self.folder / f"group-{number}"):
                yield from group


def taken(marker: Path) -> bool:
    """Makes the marker; whether nobody had."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def pytest_configure(config: pytest.Config) -> None:
    if folder := os.environ.get(FOLDER):
        config.pluginmanager.register(Parts(Path(folder)))


def run(arguments: Sequence[str], count: int) -> int:
    """The worst exit code of the processes; what they say comes line by line, with the number of who says it."""
    with tempfile.TemporaryDirectory(prefix="leafloaf-parts-") as name:
        folder = Path(name)
        processes = [_begun(folder, arguments, own_ports.share(number, count)) for number in range(count)]
        speaking = [
            threading.Thread(target=_speak, args=(number, process))
            for number, process in enumerate(processes, 1)
        ]
        for thread in speaking:
            thread.start()
        codes = [process.wait() for process in processes]
        for thread in speaking:
            thread.join()
        return max((abs(code) for code in codes), default=0) or _all_taken(folder)


def _begun(folder: Path, arguments: Sequence[str], own: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "pytest", "-p", "tests.parts", *arguments],
        env=os.environ | {FOLDER: str(folder), own_ports.RANGE: own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _speak(number: int, process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        print(f"[{number}] {line}", end="", flush=True)  # noqa: T201 (what the run says)


def _all_taken(folder: Path) -> int:
    """0 when every process saw the same number of groups, and each group was somebody's."""
    seen = {int(file.read_text()) for file in folder.glob("groups-*")}
    groups = len(list(folder.glob("group-*")))
    if seen == {groups}:
        return 0
    print(f"The processes saw {sorted(seen)} groups of tests and took {groups}.", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    wanted = int(os.environ.get(WANTED, min(os.cpu_count() or 1, MOST)))
    if os.environ.get(EXISTING_DATABASE):  # there is one, and each process would make its own in it
        wanted = 1
    sys.exit(run(sys.argv[1:], wanted) if wanted > 1 else pytest.main(sys.argv[1:]))
