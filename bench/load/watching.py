"""Memory and processor time of every process of the stack, read from /proc every few seconds. Linux only."""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import PROC, TICKS

EVERY_SECONDS = 5.0
MIB = 2**20
GENERATOR = "the load generator"
OTHERS = "everything else on the machine"
BY_MODULE = {
    "bigquery": "BigQuery stand-in",
    "cloud_storage": "Cloud Storage stand-in",
}


@dataclass
class Watch:
    """Readings by name: MiB with their seconds since `zero`, and processor seconds used."""

    root: int
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    zero: float = 0.0
    used_before: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.read()
            await asyncio.sleep(EVERY_SECONDS)

    def begin(self, warm_up: float) -> None:
        self.zero = time.perf_counter() + warm_up
        self.used_before = self.used()

    def read(self) -> None:
        at = time.perf_counter() - self.zero
        sums: dict[str, float] = defaultdict(float)
        for pid, name in named(self.root).items():
            for kind, size in resident(pid, name):
                sums[kind] += size
        for name, size in sums.items():
            self.memory[name].append((at, size))

    def used(self) -> dict[str, float]:
        """Of each name; a short-lived child's time is its parent's once it has been waited for."""
        sums: dict[str, float] = defaultdict(float)
        for pid, name in named(self.root).items():
            sums[name.rstrip(" 0123456789")] += processor_seconds(pid)
        sums[GENERATOR] = processor_seconds(os.getpid())
        sums[OTHERS] = busy_seconds() - sum(sums.values())
        return sums

    def used_since(self) -> dict[str, float]:
        return {name: used - self.used_before.get(name, 0.0) for name, used in self.used().items()}

    def mean(self, name: str, begin: float, end: float) -> float:
        """MiB; nought when nothing was read then."""
        found = [size for at, size in self.memory[name] if begin <= at < end]
        return sum(found) / len(found) if found else 0.0


def named(root: int) -> dict[int, str]:
    """Every process below the root, by what it is in the stack; the two of the web are told apart by number."""
    found = {pid: kind for pid in sorted(below(root)) if (kind := kind_of(pid))}
    webs = [pid for pid, kind in found.items() if kind == "web process"]
    return found | {pid: f"web process {place}" for place, pid in enumerate(webs, 1)}


def kind_of(pid: int) -> str:
    command = command_of(pid)
    if "granian" in command:
        return "web process" if "granian" in command_of(parent_of(pid)) else "web supervisor"
    if "celery" in command:
        return "beat" if " beat" in command else "worker"
    if command.startswith("postgres") or "/postgres" in command:
        return "Postgres"
    if "redis-server" in command:
        return "Redis"
    standin = (title for module, title in BY_MODULE.items() if f"leafloaf.stack.{module}" in command)
    return next(standin, "make run" if "leafloaf.stack" in command else "")


def resident(pid: int, name: str) -> Iterator[tuple[str, float]]:
    """MiB; of Postgres, whose processes share their buffers, what is their own and what is shared apart."""
    if name != "Postgres":
        yield name, field_of(pid, "status", "VmRSS") / MIB
        return
    yield "Postgres, own memory", field_of(pid, "smaps_rollup", "Pss_Anon") / MIB
    yield "Postgres, shared buffers", field_of(pid, "smaps_rollup", "Pss_Shmem") / MIB


def field_of(pid: int, file: str, name: str) -> float:
    """Bytes; nought of a process that has ended."""
    for line in read(PROC / str(pid) / file).splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1]) * 1024
    return 0.0


def below(root: int) -> list[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            children[parent_of(int(entry.name))].append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children[pid]
    return found


def parent_of(pid: int) -> int:
    fields = read(PROC / str(pid) / "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def processor_seconds(pid: int) -> float:
    fields = read(PROC / str(pid) / "stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS if fields else 0.0


def busy_seconds() -> float:
    """Of all cores, whoever kept them busy."""
    user, nice, system, _, _, *interrupts = map(int, read(PROC / "stat").split("\n", 1)[0].split()[1:9])
    return (user + nice + system + sum(interrupts)) / TICKS


def command_of(pid: int) -> str:
    return read(PROC / str(pid) / "cmdline").replace("\0", " ")


def read(path: Path) -> str:
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        return path.read_text(errors="replace")
    return ""
