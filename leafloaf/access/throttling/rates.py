"""What THROTTLES says: for each class of routes, how often an address, a user and a key may ask.

One text a class, such as `address=1200/min, user=600/min, key=600000/min`. A rate without a name is that of each
address and each user; whoever is not named has no limit; `off` or `0` switches the class off.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from leafloaf.access.throttling.gcra import Rate

WHOSE = ("address", "user", "key")
SHOPPERS = ("address", "user")
OFF = {"off", "0", "no", "false", "none"}
UNITS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
RATE = re.compile(r"([0-9]{1,9})/([0-9]{0,4})([a-z]+)")
LONGEST_SECONDS = {"address": 15 * 60, "user": 3600, "key": 3600}
"""What is kept of an address is gone after its limit's period."""
PAGES = ("privacy_pages", "privacy_page_writes")
"""What browsers show to people: looking, and sending a form."""
CLASSES = ("search", "events", "recommendations", "privacy", "privacy_writes", *PAGES, "failures")
FAILURES = "failures"

Limits = Mapping[str, Rate]


class Unreadable(ValueError):
    """The text is no limit; the message says why."""


@lru_cache(maxsize=64)
def parsed(text: str) -> Limits:
    """The limits that a text names, by whose they are.

    Raises:
        Unreadable: with the reason.
    """
    if text.strip().lower() in OFF:
        return MappingProxyType({})
    limits: dict[str, Rate] = {}
    for part in text.split(","):
        named, equals, rate = (word.strip().lower() for word in part.rpartition("="))
        for whose in (named,) if equals else SHOPPERS:
            _add(limits, whose, rate)
    return MappingProxyType({whose: limits[whose] for whose in WHOSE if whose in limits})


def _add(limits: dict[str, Rate], whose: str, text: str) -> None:
    if whose not in WHOSE:
        raise Unreadable(f"{whose!r} is none of {', '.join(WHOSE)}")
    if whose in limits:
        raise Unreadable(f"it names two limits of each {whose}")
    if text in OFF:
        return
    limits[whose] = rate = _rate(text)
    if rate.period_seconds > LONGEST_SECONDS[whose]:
        raise Unreadable(f"the period of each {whose} is longer than {LONGEST_SECONDS[whose]} seconds")


def _rate(text: str) -> Rate:
    found = RATE.fullmatch(text)
    if not found or found[3] not in UNITS:
        raise Unreadable(f"{text!r} is no rate such as 600/min or 100/10s")
    count, period = int(found[1]), int(found[2] or 1) * UNITS[found[3]]
    if not count or not period:
        raise Unreadable(f"{text!r} lets nobody through; `off` takes the limit away")
    if count > period * 1_000_000:
        raise Unreadable(f"{text!r} is more than one a microsecond")
    return Rate(count, period)
