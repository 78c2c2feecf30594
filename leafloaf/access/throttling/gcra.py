"""The generic cell rate algorithm (ITU-T I.371 and ATM Forum UNI 3.1: "virtual scheduling"), in whole microseconds.

A limit of so many in a period keeps one number: the theoretical arrival time, when whoever used it is back to nothing
used. Each unit moves it on by one interval; what would move it further ahead of now than the whole allowance lasts does
not conform, and moves nothing. So `count` go through at once, and then one an interval: in a window of any length at
most count + rate x length.

An interval is rounded up, never down: a limit may be a millionth stricter than it says, and never laxer.
"""

from dataclasses import dataclass

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a period."""

    count: int
    period_seconds: int

    @property
    def interval(self) -> int:
        """What one unit costs, in microseconds."""
        return -(-self.period_seconds * MICROSECONDS // self.count)

    @property
    def capacity(self) -> int:
        """What all units together cost."""
        return self.count * self.interval


def started(arrival: int, now: int, rate: Rate) -> int:
    """From where the next unit counts: a past arrival time gives no credit.

    Nor does one lie further ahead than the allowance, unless the clock was set back or the limit was made smaller.
    """
    return min(max(arrival, now), now + rate.capacity)


def wait(start: int, now: int, rate: Rate, units: int) -> int:
    """Microseconds until so many units conform; 0 when they do now. More than `count` never would."""
    return max(0, start + units * rate.interval - rate.capacity - now)


def moved(start: int, rate: Rate, units: int) -> int:
    """The arrival time after so many units were let through."""
    return start + units * rate.interval


def remaining(start: int, now: int, rate: Rate) -> int:
    """How many units conform now."""
    return (now + rate.capacity - start) // rate.interval


def until_more(start: int, now: int, rate: Rate) -> int:
    """Microseconds until one more unit conforms than does now; 0 when all do."""
    left = remaining(start, now, rate)
    return 0 if left >= rate.count else wait(start, now, rate, left + 1)
