"""What was measured, as plain figures that a file keeps: parts measured on another day add to it."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

WEB, WORKER, POSTGRES, REDIS = "web", "worker", "Postgres", "Redis"
WHO = (WEB, WORKER, POSTGRES, REDIS)
REPLICA = "replica"
"""Of Postgres, where there is one."""


@dataclass(frozen=True)
class Cost:
    """One measurement: of so many units, in seconds of the clock, of each one's processor, and bytes of WAL."""

    count: int
    seconds: float
    used: Mapping[str, float]
    wal: int = 0
    memory: int = 0
    """Bytes by which Redis grew."""

    def micros(self, *who: str) -> float:
        """Microseconds of processor time a unit, of some or of all together."""
        return 1e6 * sum(self.used.get(name, 0.0) for name in who or WHO) / self.count

    @property
    def wal_bytes(self) -> float:
        return self.wal / self.count


@dataclass
class Figures:
    """`costs` by size of the log and by stage; the rest was measured once."""

    costs: dict[int, dict[str, list[Cost]]] = field(default_factory=dict)
    disk: dict[int, dict[str, float]] = field(default_factory=dict)
    """Bytes an event or a person, by what takes them."""
    drained: dict[int, list[float]] = field(default_factory=dict)
    """Events a second to one slow sink, by worker processes."""
    commits: dict[int, list[float]] = field(default_factory=dict)
    """A second, by connections that write at once."""
    processes: dict[str, list[float]] = field(default_factory=dict)
    """Memory, connections and idle processor time of each kind of process."""

    def of(self, stage: str, size: int | None = None) -> list[Cost]:
        """The rounds of one stage; at the smallest size unless said."""
        return self.costs.get(min(self.costs) if size is None else size, {}).get(stage, [])

    def micros(self, stage: str, *who: str, size: int | None = None) -> float:
        """The median.

        Raises:
            NotMeasured: there is nothing of that stage.
        """
        return median([cost.micros(*who) for cost in self.of(stage, size)], stage)

    def wal(self, stage: str, size: int | None = None) -> float:
        """Bytes a unit, the median."""
        return median([cost.wal_bytes for cost in self.of(stage, size)], stage)


class NotMeasured(LookupError):
    """A figure that something is worked out from is missing."""


def median(values: Sequence[float], name: str) -> float:
    if not values:
        raise NotMeasured(name)
    return statistics.median(values)


def read(path: Path) -> Figures:
    """What the file keeps; nothing when it is not there yet."""
    if not path.exists():
        return Figures()
    kept = json.loads(path.read_text())
    costs = {
        int(size): {name: [Cost(**cost) for cost in found] for name, found in stages.items()}
        for size, stages in kept["costs"].items()
    }
    return Figures(
        costs,
        {int(size): found for size, found in kept["disk"].items()},
        {int(number): found for number, found in kept["drained"].items()},
        {int(number): found for number, found in kept["commits"].items()},
        kept["processes"],
    )


def write(path: Path, figures: Figures) -> None:
    path.write_text(json.dumps(asdict(figures), indent=1))


def merged(old: Figures, new: Figures) -> Figures:
    """What was measured anew replaces what was measured before, stage by stage."""
    sizes = sorted({*old.costs, *new.costs})
    costs = {size: old.costs.get(size, {}) | new.costs.get(size, {}) for size in sizes}
    return Figures(
        costs,
        old.disk | new.disk,
        old.drained | new.drained,
        old.commits | new.commits,
        old.processes | new.processes,
    )
