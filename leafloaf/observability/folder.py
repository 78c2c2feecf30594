"""The folder in which the processes of one machine keep their instruments, so that any of them can tell all.

Each process has files of its own, named by its process id (`prometheus_client`'s multiprocess mode). What a process
counted outlives it, for a counter must not fall; what it only was doing at the moment goes with it.

Invariants:
* The shop serves whether or not there is such a folder: without one each process tells what it counted itself.
* No page of a file is written to before the disk has given room for it, or a full disk would kill the process.
* Whoever reads or folds holds the lock, so that nothing is counted twice while files become one.
"""

import fcntl
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
KEPT = ("counter", "histogram")
PASSING = "gauge_livesum"
EMPTY = 8
"""Bytes of a file of `prometheus_client`'s that holds nothing yet."""
ENDED = "ended"
"""In place of the process id, in the name of the file of all that have ended."""
ROOM = {"counter": 512 * 1024, "histogram": 5 * 1024 * 1024, PASSING: 64 * 1024}
"""Bytes of each file: more than all the series that a process can have (`request_times.MOST_SERIES`)."""


def use(path: Path) -> bool:
    """Lets this process keep its instruments there; whether it does.

    Not when some are made already: those are in memory, and stay there.
    """
    if "prometheus_client" in sys.modules or why_not(path):
        return False
    try:
        with locked(path):
            for kind in ROOM:
                _make_own(path, kind)
    except OSError:
        _forget(path, os.getpid())
        return False
    os.environ[VARIABLE] = str(path)
    return True


def why_not(path: Path) -> str:
    """What keeps instruments from being kept there; empty when nothing does. Makes the folder."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with locked(path):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


def in_use() -> Path | None:
    """The folder that this process keeps its instruments in, if in any."""
    path = os.environ.get(VARIABLE)
    return Path(path) if path else None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with (path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def files(path: Path) -> list[str]:
    """Those that hold anything; the file of a process that has just forked is empty for a moment."""
    return [str(file) for file in path.glob("*.db") if file.stat().st_size]


def fold(path: Path) -> None:
    """Makes one file of those whose processes have ended, while the caller holds the lock.

    Where the disk has no room for it they stay as they are, and are told all the same. Who dies between the last two
    steps has it counted twice; those take a fraction of a millisecond.
    """
    for passing in path.glob(f"{PASSING}_*.db"):
        if not _is_alive(passing):
            passing.unlink(missing_ok=True)
    for kind in KEPT:
        total = path / f"{kind}_{ENDED}.db"
        over = [file for file in path.glob(f"{kind}_*.db") if file != total and not _is_alive(file)]
        if not over:
            continue
        unfinished = total.with_suffix(".unfinished")
        parts = [file for file in [*over, total] if file.exists() and file.stat().st_size]
        try:
            _make_room(unfinished, 2 * sum(_used(file) for file in parts))
            _add_up(parts, unfinished)
            unfinished.replace(total)
        except OSError:
            unfinished.unlink(missing_ok=True)
            continue
        for file in over:
            file.unlink(missing_ok=True)


def _add_up(parts: list[Path], unfinished: Path) -> None:
    """Into a file that has more room than they need, and gives back the rest."""
    from prometheus_client.mmap_dict import MmapedDict, mmap_key
    from prometheus_client.multiprocess import MultiProcessCollector

    sums = MmapedDict(str(unfinished))
    for metric in MultiProcessCollector.merge([str(file) for file in parts], accumulate=False):
        for name, labels, value, *_ in metric.samples:
            key = mmap_key(metric.name, name, list(labels), list(labels.values()), metric.documentation)
            sums.write_value(key, value, 0.0)
    sums.close()
    os.truncate(unfinished, _used(unfinished))


def _used(file: Path) -> int:
    """How many bytes of it hold anything, which its first four say."""
    with file.open("rb") as opened:
        used: int = struct.unpack("i", opened.read(4))[0]
        return max(EMPTY, used)


def _make_room(file: Path, size: int) -> None:
    """Written rather than reserved: what was never written may have no place on a full disk."""
    file.write_bytes(bytes(size))


def _make_own(path: Path, kind: str) -> None:
    """Of another process that had the same id, what it counted stays, and what it was doing does not."""
    file = path / f"{kind}_{os.getpid()}.db"
    if kind in KEPT and file.exists():
        file.replace(path / f"{kind}_{ENDED}{time.time_ns()}.db")
    unfinished = file.with_suffix(".unfinished")
    _make_room(unfinished, ROOM[kind])
    unfinished.replace(file)  # whole at once, for somebody may be reading


def _forget(path: Path, pid: int) -> None:
    """The empty files of a process that found no room for them."""
    for kind in ROOM:
        (path / f"{kind}_{pid}.db").unlink(missing_ok=True)


def _is_alive(file: Path) -> bool:
    """Whether the process that a file belongs to is; of one that is not ours, the system still says that it is."""
    pid = file.stem.rpartition("_")[2]
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
