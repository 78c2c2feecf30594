"""When to try again: a decision, not a loop."""

from datetime import timedelta

BASE = timedelta(seconds=1)
CEILING = timedelta(minutes=5)


def delay(failures: int, spread: float) -> timedelta:
    """How long to wait after this many failures in a row.

    Exponential with full-width jitter on the upper half ("equal jitter", AWS Architecture Blog, "Exponential
    Backoff And Jitter", 2015): never less than half of what the exponent says, never more than `CEILING`.

    Args:
        failures: at least 1.
        spread: a number in [0, 1), random for each decision.
    """
    whole = min(CEILING, BASE * (1 << min(failures - 1, 16)))
    return whole / 2 + whole / 2 * spread
