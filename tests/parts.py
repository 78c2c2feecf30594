"""Runs the suite as several pytest processes at once, each with a stack of its own: `python -m tests.parts`.

Much of the suite waits: for processes to start, leases to end, servers to come back. So each process takes the tests of
a file when it has done with the one before; no two take the same, since whoever makes its marker first has it. All see
the same tests in the same order, and every one is some process's or the run fails.

The last lines say what failed. A few that failed beside the others are run once more, alone, as CPython's own
regrtest does with `--rerun`: what fails again fails the run, what passes is told in the last lines. A test that throws
dice, its own or Hypothesis', has one chance only: what it finds may come once in a thousand runs (decision 17).
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
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
AGAIN = "LEAFLOAF_TEST_AGAIN"
"""A JSON list of the tests to be run once more; set for the process that does."""
FEW = 5
"""More than these do not fail because of what ran beside them."""
DICE = "chance"
"""The fixture of tests whose course is drawn by lot."""
TOLD = 400
"""Characters of why a test failed, in the last lines."""


@dataclass(frozen=True)
class Failure:
    test: str
    why: str
    by_lot: bool

    def __str__(self) -> str:
        return f"{self.test}: {' '.join(self.why.split())[:TOLD]}"


class Parts:
    """A plugin of each of the processes: leaves alone what another has taken, notes what failed."""

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

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed:
            dice = DICE in getattr(item, "fixturenames", ())
            by_lot = dice or getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
            crash = getattr(report.longrepr, "reprcrash", None)
            failure = Failure(item.nodeid, str(getattr(crash, "message", report.longrepr)), by_lot)
            with (self.folder / f"failed-{os.getpid()}").open("a") as file:
                file.write(json.dumps(asdict(failure)) + "\n")
        return report

    def _mine(self, items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
        groups = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
        (self.folder / f"groups-{os.getpid()}").write_text(str(len(groups)))
        for number, group in enumerate(groups):
            if taken(self.folder / f"group-{number}"):
                yield from group


class Again:
    """A plugin of the process that runs a few tests once more: no others are run, and none of them is missing."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self.wanted = wanted

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self.wanted])
        items[:] = [item for item in items if item.nodeid in self.wanted]
        if missing := set(self.wanted) - {item.nodeid for item in items}:
            raise pytest.UsageError(f"Not to be found a second time: {', '.join(sorted(missing))}")


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
    if wanted := os.environ.get(AGAIN):
        config.pluginmanager.register(Again(json.loads(wanted)))


def run(arguments: Sequence[str], count: int) -> int:
    """0, or the worst exit code of the processes; what they say comes line by line, with the number of who says it."""
    with tempfile.TemporaryDirectory(prefix="leafloaf-parts-") as name:
        folder = Path(name)
        code = _run_all(
            [
                _begun(arguments, {FOLDER: name, own_ports.RANGE: own_ports.share(number, count)})
                for number in range(count)
            ]
        )
        failures = [
            Failure(**json.loads(line))
            for file in sorted(folder.glob("failed-*"))
            for line in file.read_text().splitlines()
        ]
        return _verdict(arguments, code or _all_taken(folder), failures)


def _verdict(arguments: Sequence[str], code: int, failures: Sequence[Failure]) -> int:
    """The exit code, after a second chance if there is one; says what failed, last of all."""
    if not failures:
        return code
    tests = list(dict.fromkeys(failure.test for failure in failures))
    outcome = "failed"
    if (
        code == pytest.ExitCode.TESTS_FAILED
        and len(tests) <= FEW
        and not any(failure.by_lot for failure in failures)
    ):
        _say(f"{len(tests)} failed beside the others; once more, alone:")
        code = _run_all([_begun(arguments, {AGAIN: json.dumps(tests)})])
        outcome += " beside the others" + (", and alone" if code else "; alone all passed. Look into it")
    _say(f"{len(tests)} {outcome}:", *[str(failure) for failure in failures])
    return code


def _begun(arguments: Sequence[str], own: Mapping[str, str]) -> "subprocess.Popen[str]":
    inherited = {name: value for name, value in os.environ.items() if name not in {FOLDER, AGAIN}}
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "pytest", "-p", "tests.parts", *arguments],
        env={**inherited, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _run_all(processes: "Sequence[subprocess.Popen[str]]") -> int:
    """The worst exit code, when all have ended."""
    speaking = [
        threading.Thread(target=_speak, args=(number, process)) for number, process in enumerate(processes, 1)
    ]
    for thread in speaking:
        thread.start()
    codes = [process.wait() for process in processes]
    for thread in speaking:
        thread.join()
    return max(abs(code) for code in codes)


def _speak(number: int, process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        _say(f"[{number}] {line.rstrip()}")


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)  # noqa: T201 (what the run says)


def _all_taken(folder: Path) -> int:
    """0 when every process saw the same number of groups, and each group was somebody's."""
    seen = {int(file.read_text()) for file in folder.glob("groups-*")}
    groups = len(list(folder.glob("group-*")))
    if seen == {groups}:
        return 0
    _say(f"The processes saw {sorted(seen)} groups of tests and took {groups}.")
    return pytest.ExitCode.INTERNAL_ERROR


if __name__ == "__main__":
    wanted = int(os.environ.get(WANTED, min(os.cpu_count() or 1, MOST)))
    if os.environ.get(EXISTING_DATABASE):  # there is one, and each process would make its own in it
        wanted = 1
    sys.exit(run(sys.argv[1:], wanted) if wanted > 1 else pytest.main(sys.argv[1:]))
