"""What a signal still says after a while: weight x decay^days, and nothing once it is older than its memory.

The numbers are settings (`SIGNALS`). Age is continuous: an hour is 1/24 of a day.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from personalization.signals.marks import Marks, Signal

DAY = 86_400
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Decay:
    """One value a signal, at the place of its number."""

    weight: Floats
    factor: Floats
    """What is left after one day."""
    days: Floats
    """How long it is remembered."""

    @classmethod
    def of(cls, settings: Mapping[str, Mapping[str, float]]) -> "Decay":
        """From `{"view": {"weight": 0.1, "decay": 0.98, "days": 30}, …}`; a signal that is not named says nothing."""
        rows = [settings.get(signal.name.lower(), {}) for signal in Signal]
        return cls(
            np.array([row.get("weight", 0.0) for row in rows]),
            np.array([row.get("decay", 1.0) for row in rows]),
            np.array([row.get("days", 0.0) for row in rows]),
        )

    def strengths(self, marks: Marks, now: float) -> Floats:
        """What each mark says now, in seconds since 1970. One that is ahead of the clock counts as of now."""
        signal = marks["signal"]
        age = np.maximum(now - marks["second"].astype(np.float64), 0) / DAY
        return np.asarray(
            np.where(age <= self.days[signal], self.weight[signal] * self.factor[signal] ** age, 0.0)
        )
