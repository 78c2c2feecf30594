"""Which limits a request is under, and under which names they are counted.

A name is a keyed hash: who reads Redis or the table learns neither an address nor a user, nor which of two limits are
the same person's.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from leafloaf.access.keys import Caller
from leafloaf.access.throttling import rates
from leafloaf.access.throttling.gcra import Rate

NAME_BYTES = 16


@dataclass(frozen=True, slots=True)
class Demand:
    """Units of one limit. What only looks whether a limit is used up `takes` none of it."""

    policy: str
    name: bytes
    rate: Rate
    needs: int = 1
    takes: int = 1
    is_shown: bool = True
    """Whether the caller may know how much is left."""


def of(scope: str, caller: Caller | None, user_id: str | None, address: str, cost: int) -> list[Demand]:
    """Those of a request that was let in, sorted by name: who takes locks takes them in this order.

    A secret key is a server's: thousands of users share its address, which has no limit of its own. How much is left
    of a key that is public is nobody's business, for it tells how busy the shop is.
    """
    is_server = caller is not None and caller.may_name_users
    whose = {
        "address": None if is_server else address,
        "user": user_id,
        "key": caller.client_name if caller else None,
    }
    found = _of_each(scope, whose, cost, rates.WHOSE if is_server else rates.SHOPPERS)
    return sorted([*found, *failures(address, takes=0)], key=by_name)


def of_page(scope: str, person: str | None, address: str) -> list[Demand]:
    """Those of a page for people, likewise sorted. Nobody shows it a key, so wrong ones close it to nobody."""
    return sorted(_of_each(scope, {"address": address, "user": person}, 1, rates.SHOPPERS), key=by_name)


def failures(address: str, takes: int = 1) -> Iterator[Demand]:
    """The limit of wrong credentials. While it is used up a right one is not believed either, or one could guess on."""
    for rate in _limits(rates.FAILURES).values():
        yield Demand(rates.FAILURES, name_of(rates.FAILURES, "address", address), rate, 1, takes, bool(takes))


def name_of(scope: str, kind: str, identity: str) -> bytes:
    """The name under which a limit is counted."""
    told = "\0".join((scope, kind, identity)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(told, digest_size=NAME_BYTES, key=_key(settings.SECRET_KEY)).digest()


def by_name(demand: Demand) -> bytes:
    return demand.name


def _of_each(
    scope: str, whose: Mapping[str, str | None], cost: int, shown: tuple[str, ...]
) -> Iterator[Demand]:
    for kind, rate in _limits(scope).items():
        if (identity := whose.get(kind)) is not None:
            units = min(cost, rate.count)  # a batch larger than the limit takes all of it
            name = name_of(scope, kind, identity)
            yield Demand(f"{scope}-{kind}", name, rate, units, units, is_shown=kind in shown)


def _limits(scope: str) -> rates.Limits:
    return rates.parsed(settings.THROTTLES.get(scope, "off"))


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=32, person=b"throttles").digest()
