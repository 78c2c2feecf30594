"""Wrong codes: whoever shows some must wait, and the owner of the password they know need not.

Only who has shown the right password gets as far as a code. Wrong ones count for the name from one place, so that the
owner gets in from any other. Those of all addresses together count too, or whoever has a thousand of them would guess
six digits; when that is used up, a browser in which the owner got in before is still believed, and the recovery codes
are everywhere, for nobody guesses one. All of it is counted for one password and begins anew with another. A right code
takes nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import User

from leafloaf.access import audit
from leafloaf.access.throttling import demands, gcra, stores
from leafloaf.access.throttling.demands import Demand
from leafloaf.access.throttling.gcra import Rate

APP, RECOVERY = "app", "recovery"
DAY = 24 * 3600
AT_ONCE = Rate(5, 15 * 60)
A_DAY = Rate(20, DAY)
TOGETHER = Rate(100, DAY)
"""A guess is right in 3 of 10^6: half of all thieves would be in after six years."""
TOLD = Rate(1, 3600)
"""The audit is kept for ever."""
ACTOR = "sign-in"


@dataclass(frozen=True)
class Place:
    """From where codes come: a network address, or a browser that is known (`known_browsers`)."""

    name: str
    is_known: bool = False


class Way(StrEnum):
    """How the owner gets in while something is used up: a code of the other kind, or another place."""

    APP = APP
    RECOVERY = RECOVERY
    NETWORK = "network"
    BROWSER = "browser"
    KNOWN_BROWSER = "known browser"


class TooMany(Exception):
    """So many wrong ones that none is looked at now.

    Attributes:
        ways: what is not used up.
    """

    def __init__(self, seconds: int, ways: Sequence[Way]) -> None:
        super().__init__(f"{seconds} s")
        self.seconds, self.ways = seconds, ways


def admit(user: User, kind: str, place: Place) -> None:
    """Whoever holds the lock of the user's device is the only one who counts.

    Raises:
        TooMany: even a right one would not be believed.
    """
    if wait := stores.take(limits(user, kind, place, takes=0)).wait:
        raise TooMany(math.ceil(wait / gcra.MICROSECONDS), ways(user, kind, place))


def ways(user: User, kind: str, place: Place) -> list[Way]:
    """A code of the other kind, unless those are used up too; and another place, by what all of them have left."""
    other = RECOVERY if kind == APP else APP
    found = [] if is_used_up(limits(user, other, place, takes=0)) else [Way(other)]
    if kind == APP and is_used_up([together(user, takes=0)]):
        return [*found, Way.KNOWN_BROWSER]
    return [*found, Way.BROWSER if place.is_known else Way.NETWORK]


def is_used_up(demanded: list[Demand]) -> bool:
    return bool(stores.take(demanded).wait)


def count(user: User, kind: str, place: Place) -> None:
    """A wrong one; that nothing is left is for the audit."""
    verdict = stores.take(limits(user, kind, place, takes=1))
    after = [
        gcra.moved(start, one.rate, 1) for one, start in zip(verdict.demands, verdict.starts, strict=True)
    ]
    left = [gcra.remaining(at, verdict.now, one.rate) for one, at in zip(verdict.demands, after, strict=True)]
    if min(left) < 1 and not stores.take([demand("told", user, "", TOLD, 1)]).wait:
        audit.record(ACTOR, "refuse codes", user.get_username())


def limits(user: User, kind: str, place: Place, takes: int) -> list[Demand]:
    found = [demand(f"{kind}-at-once", user, place.name, AT_ONCE, takes)]
    if kind == APP:
        found.append(demand("app-a-day", user, place.name, A_DAY, takes))
    if kind == APP and not place.is_known:
        found.append(together(user, takes))
    return sorted(found, key=demands.by_name)


def together(user: User, takes: int) -> Demand:
    """Codes of the app from wherever, known browsers apart."""
    return demand("app-together", user, "", TOGETHER, takes)


def demand(policy: str, user: User, place: str, rate: Rate, takes: int) -> Demand:
    whose = f"{user.pk} {user.get_session_auth_hash()} {place}"
    return Demand(policy, demands.name_of("codes", policy, whose), rate, takes=takes)
