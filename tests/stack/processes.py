"""Looking at processes from outside, for the tests of the stack."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

PATIENCE_SECONDS = 180.0


def is_alive(pid: int) -> bool:
    """A zombie is not: nobody may be there to reap an orphan of an orphan."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {PATIENCE_SECONDS} seconds: {what}"
        time.sleep(0.05)


def with_in_command_or_environment(text: str) -> Iterator[int]:
    """Every living process, other than this one, that names `text` when started or works inside of it."""
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with suppress(OSError):
            traces = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            works_inside = os.readlink(folder / "cwd").startswith(text)
            if pid != os.getpid() and (works_inside or text.encode() in traces) and is_alive(pid):
                yield pid
