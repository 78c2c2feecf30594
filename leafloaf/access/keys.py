"""API keys: made once, stored as a hash, found by how they start.

A key is 32 random bytes, so one SHA-256 is enough: there is no dictionary to slow down (as GitHub and Stripe
store theirs). A found key is remembered in the process for `CACHE_SECONDS`, the longest a revoked one still works;
while the database is away, and nobody can revoke one, for `AWAY_SECONDS`.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import InterfaceError, OperationalError

from leafloaf.access import token_keys
from leafloaf.access.models import ApiClient
from leafloaf.lib import database

PREFIXES = {ApiClient.Kind.PUBLISHABLE: "pk_", ApiClient.Kind.SECRET: "sk_"}
DEMO_KEYS = {ApiClient.Kind.PUBLISHABLE: "pk_demo_leafloaf", ApiClient.Kind.SECRET: "sk_demo_leafloaf"}
LOOKUP_LENGTH = 11
ANY_ORIGIN = "*"
CACHE_SECONDS = 5.0
AWAY_SECONDS = 10 * 60.0

SCOPES = {
    "search": "Search, suggest and read products",
    "events": "Send events",
    "recommendations": "Read recommendations, reorders, profile and graph of a user",
    "privacy": "Read and change privacy settings, exports and deletion requests of a user",
}
PUBLISHABLE_SCOPES = frozenset({"search", "events"})


class UnknownScope(ValueError):
    """A scope that does not exist was asked for."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from, as far as its key or its user token tells."""

    client_name: str
    kind: str
    scopes: frozenset[str]
    origins: frozenset[str] = frozenset()
    user_id: str | None = field(default=None, repr=False)
    """The one user, by the shop's id, for whom a user token speaks."""

    def may_be_used_from(self, origin: str) -> bool:
        """Whether a page of this origin may call so; a secret key belongs on no page at all."""
        return ANY_ORIGIN in self.origins or origin in self.origins

    @property
    def may_name_users(self) -> bool:
        return self.kind == ApiClient.Kind.SECRET


_remembered: dict[str, tuple[float, Caller]] = {}


def create(
    name: str,
    kind: str,
    scopes: Iterable[str] = (),
    *,
    origins: Iterable[str] = (),
    key: str | None = None,
) -> str:
    """Registers a client and returns its key, which cannot be read again.

    Args:
        scopes: for secret keys, default all; a publishable key always has search and events.
        origins: web origins, such as `https://shop.example`, whose pages may use a publishable key.
        key: a fixed key, for the demo.

    Raises:
        UnknownScope: with the known ones in its message.
    """
    asked = frozenset(scopes) or frozenset(SCOPES)
    if unknown := asked - set(SCOPES):
        raise UnknownScope(f"unknown scopes: {', '.join(sorted(unknown))}; known are {', '.join(SCOPES)}")
    allowed = PUBLISHABLE_SCOPES if kind == ApiClient.Kind.PUBLISHABLE else asked
    key = key or PREFIXES[ApiClient.Kind(kind)] + secrets.token_urlsafe(32)
    ApiClient.objects.create(
        name=name,
        kind=kind,
        scopes=sorted(allowed),
        allowed_origins=sorted(origins),
        lookup=key[:LOOKUP_LENGTH],
        key_hash=digest(key),
    )
    return key


def find(key: str) -> Caller | None:
    """The caller a key belongs to; none when it is unknown, revoked, or a demo key outside DEBUG.

    Raises:
        OperationalError, InterfaceError: the database is away, and this process has not found the key for so long
            that it does not know.
    """
    if key in DEMO_KEYS.values() and not settings.DEBUG:
        return None
    if not (key.isascii() and key.isprintable()):  # no key is, and Postgres has no text with a NUL
        return None
    now = time.monotonic()
    fingerprint = digest(key).hex()
    known = _remembered.get(fingerprint)
    if known and now - known[0] < CACHE_SECONDS:
        return known[1]
    try:
        database.refuse_if_away()
        caller = _read(key)
    except (OperationalError, InterfaceError) as error:
        if known and now - known[0] < AWAY_SECONDS and database.is_gone(error):
            database.suspect()
            return known[1]
        raise
    _remembered.pop(fingerprint, None)
    if caller:
        # Unknown keys are never remembered: a flood of guesses must not grow this dictionary.
        _remembered[fingerprint] = (now, caller)
    return caller


def forget() -> None:
    """Empties the process's memory of keys, and of the origins that user tokens have from them."""
    _remembered.clear()
    token_keys.forget()


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _read(key: str) -> Caller | None:
    wanted = digest(key)
    clients = ApiClient.objects.filter(lookup=key[:LOOKUP_LENGTH], revoked_at=None)
    for client in clients:
        if hmac.compare_digest(bytes(client.key_hash), wanted):
            return Caller(
                client.name, client.kind, frozenset(client.scopes), frozenset(client.allowed_origins)
            )
    return None
