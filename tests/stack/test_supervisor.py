"""The supervisor, run as a program of its own over small programs, and killed in every way."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leafloaf.stack.process import Process, StartError
from leafloaf.stack.supervisor import AlreadyRunningError, sole_instance
from tests.stack.processes import is_alive, wait_until

REPOSITORY = Path(__file__).parents[2]

SUPERVISED = """
import sys
from pathlib import Path
from leafloaf.stack.leftovers import wait_for
from leafloaf.stack.process import Process, StartError
from leafloaf.stack.supervisor import *

folder = Path(sys.argv[1])
flag = StopFlag()

def child(name, program, **options):
    command = [sys.executable, "-c", program]
    return Process(name, command, folder / f"{name}.log", **options)

QUIET = "import time; time.sleep(600)"
PARENT = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid, flush=True); " + QUIET
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True)); "
    "print('deaf', flush=True); " + QUIET
)
SHAKY = (
    "import pathlib, time\\n"
    f"path = pathlib.Path({str(folder)!r}, 'enough')\\n"
    "while not path.exists(): time.sleep(0.05)\\n"
    "print('out of flour')\\n"
    "exit(3)\\n"
)
NOTES_ITS_END = (
    "import signal, sys, time, pathlib\\n"
    f"path = pathlib.Path({str(folder)!r}, 'order')\\n"
    "def end(*_):\\n"
    "    with path.open('a') as file: file.write(sys.argv[1])\\n"
    "    sys.exit()\\n"
    "signal.signal(signal.SIGTERM, end)\\n"
    "print('ready', flush=True)\\n"
    "time.sleep(600)\\n"
)

def logged(name, text):
    return lambda: text in (folder / f"{name}.log").read_text()

def up(supervisor):
    rows = {process.name: process.pid for process in supervisor.processes}
    print(json.dumps(rows), flush=True)

import json
with flag.listening():
    supervisor = Supervisor(folder, dict(__import__("os").environ), flag)
    try:
        with sole_instance(folder / "lock"), supervisor.running():
            BODY
            up(supervisor)
            supervisor.watch()
    except StopRequestedError:
        print("stopped", flush=True)
    except (CrashError, StartError, AlreadyRunningError) as error:
        sys.exit(str(error))
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor whose `with` block holds the given lines."""
    started: list[subprocess.Popen[str]] = []

    def start(body: str, **options: object) -> subprocess.Popen[str]:
        indented = textwrap.indent(textwrap.dedent(body).strip(), " " * 12).strip()
        program = SUPERVISED.replace("BODY", indented)
        command = [sys.executable, "-c", program, str(tmp_path)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": REPOSITORY}
        started.append(subprocess.Popen(command, **pipes, **options))  # type: ignore[call-overload]
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.kill()
        supervisor.communicate()


def children(supervisor: subprocess.Popen[str]) -> dict[str, int]:
    assert supervisor.stdout is not None
    line = supervisor.stdout.readline()
    assert line, supervisor.communicate()[1]
    return dict(json.loads(line))


TWO_QUIET = """
    supervisor.start(child("first", QUIET))
    supervisor.start(child("second", QUIET))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(start: Start, number: signal.Signals) -> None:
    supervisor = start(TWO_QUIET)
    pids = children(supervisor)

    supervisor.send_signal(number)

    out, err = supervisor.communicate(timeout=120)
    assert (out, err, supervisor.returncode) == ("stopped\n", "", 0)
    assert not any(is_alive(pid) for pid in pids.values())


def test_sigint_works_where_the_parent_had_it_ignored(start: Start) -> None:
    supervisor = start(TWO_QUIET, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    pids = children(supervisor)

    supervisor.send_signal(signal.SIGINT)

    assert supervisor.communicate(timeout=120)[0] == "stopped\n"
    assert not any(is_alive(pid) for pid in pids.values())


def test_a_child_hears_sigint_though_the_parent_ignores_it(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    log = tmp_path / "log"
    command = ["sh", "-c", "echo ready; exec sleep 600"]
    child = Process("child", command, log, lambda: "ready" in log.read_text(), stop_signal=signal.SIGINT)
    try:
        child.start()
        child.wait_until_ready()
        child.stop()
    finally:
        signal.signal(signal.SIGINT, before)

    assert child.how_it_ended() == "signal 2, Interrupt"


def test_children_are_stopped_in_reverse(start: Start, tmp_path: Path) -> None:
    supervisor = start("""
        for name in "abc":
            process = child(name, NOTES_ITS_END, is_ready=logged(name, "ready"))
            process.command += [name]
            supervisor.start(process)
    """)
    children(supervisor)

    supervisor.terminate()
    supervisor.communicate(timeout=120)

    assert (tmp_path / "order").read_text() == "cba"


def test_a_child_that_ends_stops_the_rest_and_the_sentence_says_why(start: Start, tmp_path: Path) -> None:
    supervisor = start("""
        supervisor.start(child("steady", QUIET))
        supervisor.start(child("shaky", SHAKY))
    """)
    pids = children(supervisor)
    (tmp_path / "enough").touch()

    _, err = supervisor.communicate(timeout=120)

    assert supervisor.returncode == 1
    assert "shaky ended by itself (exit code 3)" in err
    assert str(tmp_path / "shaky.log") in err
    assert "out of flour" in err
    assert not is_alive(pids["steady"])


def test_a_child_that_is_killed_is_named_with_its_signal(start: Start) -> None:
    supervisor = start(TWO_QUIET)
    pids = children(supervisor)

    os.kill(pids["first"], signal.SIGKILL)

    _, err = supervisor.communicate(timeout=120)
    assert "first ended by itself (signal 9, Killed)" in err
    assert not is_alive(pids["second"])


def test_a_child_that_ends_while_another_starts_ends_the_start(start: Start) -> None:
    supervisor = start("""
        supervisor.start(child("shaky", SHAKY))
        supervisor.start(child("slow", QUIET, is_ready=(folder / "enough").touch))  # which says nothing: not ready
    """)

    _, err = supervisor.communicate(timeout=120)

    assert "shaky ended by itself (exit code 3)" in err


def test_a_child_that_never_gets_ready_is_an_error_with_its_last_words(start: Start) -> None:
    supervisor = start("""
        has_spoken = logged("slow", "still kneading")
        options = dict(is_ready=lambda: not wait_for(has_spoken, 60), ready_seconds=1)
        supervisor.start(child("slow", "print('still kneading', flush=True); " + QUIET, **options))
    """)

    _, err = supervisor.communicate(timeout=120)

    assert "slow was not ready after 1 seconds" in err
    assert "still kneading" in err


def test_a_stop_is_heard_while_something_starts(start: Start, tmp_path: Path) -> None:
    supervisor = start("""
        supervisor.start(child("first", QUIET))
        up(supervisor)
        supervisor.start(child("slow", QUIET, is_ready=lambda: False))
    """)
    pids = children(supervisor)

    supervisor.terminate()

    assert supervisor.communicate(timeout=120)[0] == "stopped\n"
    assert not is_alive(pids["first"])


def test_grandchildren_and_the_deaf_end_too(start: Start, tmp_path: Path) -> None:
    supervisor = start("""
        supervisor.start(child("parent", PARENT, is_ready=logged("parent", chr(10))))
        supervisor.start(child("deaf", STUBBORN, is_ready=logged("deaf", "deaf"), stop_seconds=0.5))
    """)
    pids = children(supervisor)
    grandchild = int((tmp_path / "parent.log").read_text())
    assert is_alive(grandchild)

    supervisor.terminate()
    supervisor.communicate(timeout=120)

    assert not any(is_alive(pid) for pid in pids.values())
    wait_until(lambda: not is_alive(grandchild), "the grandchild, whose end nobody waits for, has ended")


def test_a_second_request_to_stop_ends_the_patience(start: Start, tmp_path: Path) -> None:
    supervisor = start("""
        supervisor.start(child("deaf", STUBBORN, is_ready=logged("deaf", "deaf"), stop_seconds=600))
    """)
    pids = children(supervisor)
    supervisor.send_signal(signal.SIGINT)
    wait_until(lambda: "asked" in (tmp_path / "deaf.log").read_text(), "the first request is heard")
    with pytest.raises(subprocess.TimeoutExpired):
        supervisor.wait(timeout=1)

    supervisor.send_signal(signal.SIGINT)

    supervisor.communicate(timeout=120)
    assert not is_alive(pids["deaf"])


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_kill_9_of_the_supervisor_ends_its_children(start: Start) -> None:
    supervisor = start(TWO_QUIET)
    pids = children(supervisor)

    supervisor.kill()

    wait_until(lambda: not any(is_alive(pid) for pid in pids.values()), "the children have ended")


def test_what_survives_a_kill_9_is_ended_by_the_next_start(start: Start, tmp_path: Path) -> None:
    supervisor = start("""
        supervisor.start(child("parent", PARENT, is_ready=logged("parent", chr(10))))
        supervisor.start(child("deaf", STUBBORN, is_ready=logged("deaf", "deaf")))
    """)
    pids = children(supervisor)
    orphan = int((tmp_path / "parent.log").read_text())
    supervisor.kill()
    wait_until(lambda: not is_alive(pids["parent"]), "the death signal has come")
    assert is_alive(pids["deaf"])
    assert is_alive(orphan)

    successor = start(TWO_QUIET)
    children(successor)

    wait_until(lambda: not is_alive(pids["deaf"]) and not is_alive(orphan), "what was killed has ended")


def test_a_pid_that_is_somebody_elses_by_now_is_left_alone(start: Start, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        (tmp_path / "children.json").write_text(json.dumps([[stranger.pid, 15, "an earlier birth"]]))

        children(start(TWO_QUIET))

        assert stranger.poll() is None
        stranger.kill()


def test_a_second_instance_is_refused(start: Start, tmp_path: Path) -> None:
    children(start(TWO_QUIET))

    second = start(TWO_QUIET)

    _, err = second.communicate(timeout=120)
    assert second.returncode == 1
    assert f"LeafLoaf already runs with the data in {tmp_path}" in err


def test_the_lock_is_free_again_after_kill_9_though_children_live(start: Start, tmp_path: Path) -> None:
    supervisor = start("""
        supervisor.start(child("deaf", STUBBORN, is_ready=logged("deaf", "deaf")))
    """)
    pids = children(supervisor)
    with pytest.raises(AlreadyRunningError), sole_instance(tmp_path / "lock"):
        pass

    supervisor.kill()
    supervisor.wait()

    with sole_instance(tmp_path / "lock"):
        assert is_alive(pids["deaf"])
    os.kill(pids["deaf"], signal.SIGKILL)


def test_a_step_that_fails_shows_its_last_lines(start: Start, tmp_path: Path) -> None:
    supervisor = start("""
        supervisor.start(child("first", QUIET))
        command = [sys.executable, "-c", "print('no such table'); exit(1)"]
        supervisor.run_to_end(Process("migrate", command, folder / "migrate.log"))
    """)

    _, err = supervisor.communicate(timeout=120)

    assert "migrate failed (exit code 1)" in err
    assert "no such table" in err


def test_a_step_under_way_ends_with_a_stop(start: Start, tmp_path: Path) -> None:
    supervisor = start("""
        up(supervisor)
        command = [sys.executable, "-c", "import os; print(os.getpid(), flush=True); " + QUIET]
        supervisor.run_to_end(Process("long", command, folder / "long.log"))
    """)
    children(supervisor)
    log = tmp_path / "long.log"
    wait_until(lambda: log.exists() and bool(log.read_text().strip()), "the step runs")

    supervisor.terminate()

    assert supervisor.communicate(timeout=120)[0] == "stopped\n"
    assert not is_alive(int(log.read_text()))


def test_a_program_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    missing = Process("baker", ["/no/such/program"], tmp_path / "log", is_ready=lambda: False)
    missing.start()

    with pytest.raises(StartError, match=r"baker ended while starting(?s:.*)/no/such/program|No such file"):
        missing.wait_until_ready()


def test_a_log_begins_anew_and_the_last_one_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    for word in ("one", "two"):
        child = Process("child", ["echo", word], log, is_ready=lambda word=word: word in log.read_text())  # type: ignore[misc]
        child.start()
        wait_until(lambda: log.read_text() == f"{word}\n", "the child has spoken")  # noqa: B023
        child.stop()

    assert log.read_text() == "two\n"
    assert log.with_name("child.previous.log").read_text() == "one\n"
