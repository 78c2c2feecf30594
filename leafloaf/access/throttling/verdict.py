"""What became of a request's demands, worked out from what a store found."""

from collections.abc import Sequence
from dataclasses import dataclass

from leafloaf.access.throttling import gcra
from leafloaf.access.throttling.demands import Demand


@dataclass(frozen=True, slots=True)
class Verdict:
    """The demands of one request, from where each counted, and when: by the store's own clock, in microseconds."""

    demands: Sequence[Demand]
    starts: Sequence[int]
    now: int

    @property
    def refused(self) -> list[Demand]:
        """The limits that are used up; with any, none of the others was touched."""
        return [
            demand
            for demand, start in zip(self.demands, self.starts, strict=True)
            if gcra.wait(start, self.now, demand.rate, demand.needs)
        ]

    @property
    def wait(self) -> int:
        """Microseconds until the same demands would be met."""
        return max(
            (
                gcra.wait(start, self.now, demand.rate, demand.needs)
                for demand, start in zip(self.demands, self.starts, strict=True)
            ),
            default=0,
        )
