"""What the bench ran on, and how much processor time processes have used. Linux only: it reads /proc."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def description() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores of {processor()}, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, load {load()}"
    )


def processor() -> str:
    lines = (PROC / "cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def cpu_seconds(root: int) -> float:
    """Processor time of a process and of everything below it that still lives."""
    stats = [stat for entry in PROC.iterdir() if entry.name.isdigit() and (stat := _stat(entry)) is not None]
    children: dict[int, list[int]] = {}
    used = {}
    for pid, parent, seconds in stats:
        children.setdefault(parent, []).append(pid)
        used[pid] = seconds
    total, waiting = 0.0, [root]
    while waiting:
        pid = waiting.pop()
        total += used.get(pid, 0.0)
        waiting += children.get(pid, [])
    return total


def _stat(entry: Path) -> tuple[int, int, float] | None:
    """(pid, parent, seconds), with what reaped children used; none when the process has just ended."""
    try:
        text = (entry / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return int(entry.name), int(fields[1]), sum(map(int, fields[11:15])) / TICKS
