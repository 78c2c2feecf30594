"""API keys: made once, stored as a hash, found by how they start.

A key is 32 random bytes, so one SHA-256 is enough: there is no dictionary to slow down (as GitHub and Stripe
store theirs). A found key is remembered in the process for `CACHE_SECONDS`, the longest a revoked one still works;
while the database is away, and nobody can revoke one, for `AWAY_SECONDS`. One that expires does so on the instant.
"""

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from leafloaf.access import audit, token_keys
from leafloaf.access.models import ApiClient, ApiKey
from leafloaf.lib import database, statements

PREFIXES = {ApiClient.Kind.PUBLISHABLE: "pk_", ApiClient.Kind.SECRET: "sk_"}
DEMO_KEYS = {ApiClient.Kind.PUBLISHABLE: "pk_demo_leafloaf", ApiClient.Kind.SECRET: "sk_demo_leafloaf"}
LOOKUP_LENGTH = 11
ANY_ORIGIN = "*"
CACHE_SECONDS = 1.0
AWAY_SECONDS = 10 * 60.0
NOTE_EVERY = timedelta(minutes=10)
"""How exactly it is known when a key was last used; more would be a write for every request."""

SCOPES = {
    "search": "Search, suggest and read products",
    "events": "Send events",
    "recommendations": "Read recommendations, reorders, profile and graph of a user",
    "privacy": "Read and change privacy settings, exports and deletion requests of a user",
    "metrics": "Read the metrics of the whole shop, for Prometheus",
}
PUBLISHABLE_SCOPES = frozenset({"search", "events"})

WORKING = """
    SELECT k.id, k.key_hash, k.expires_at, k.last_used_at, c.name, c.kind, c.scopes, c.allowed_origins
    FROM access_apikey AS k JOIN access_apiclient AS c ON c.id = k.client_id
    WHERE k.lookup = %s AND k.revoked_at IS NULL AND c.revoked_at IS NULL
"""


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
    key: str = field(default="", compare=False)
    """How the key begins, or which key a token is signed by: as much as a log may say of it."""

    def may_be_used_from(self, origin: str) -> bool:
        """Whether a page of this origin may call so; a secret key belongs on no page at all."""
        return ANY_ORIGIN in self.origins or origin in self.origins

    @property
    def may_name_users(self) -> bool:
        return self.kind == ApiClient.Kind.SECRET


@dataclass(frozen=True)
class Known:
    """A key that was found: whose it is, when that was read, and when it ends by itself."""

    caller: Caller
    read_at: float
    expires_at: float

    def is_good_for(self, seconds: float) -> bool:
        return time.monotonic() - self.read_at < seconds and not self.has_expired

    @property
    def has_expired(self) -> bool:
        return time.time() >= self.expires_at


_remembered: dict[str, Known] = {}


def create(
    name: str,
    kind: str,
    scopes: Iterable[str] = (),
    *,
    origins: Iterable[str] = (),
    key: str | None = None,
    expires_at: datetime | None = None,
    by: str = "create_api_client",
) -> str:
    """Registers a client and returns its key, which cannot be read again.

    Args:
        scopes: for secret keys, default all; a publishable key always has search and events.
        origins: web origins, such as `https://shop.example`, whose pages may use a publishable key.
        key: a fixed key, for the demo.
        by: a staff user's name, or the command that was run.

    Raises:
        UnknownScope: with the known ones in its message.
    """
    client = ApiClient(
        name=name, kind=kind, scopes=allowed_scopes(kind, scopes), allowed_origins=sorted(origins)
    )
    return register(client, key, expires_at=expires_at, by=by)


@transaction.atomic
def register(
    client: ApiClient, key: str | None = None, *, expires_at: datetime | None = None, by: str
) -> str:
    """Stores a new client that is filled in, and returns its first key, which cannot be read again."""
    client.save(force_insert=True)
    made, key = add(client, key, expires_at=expires_at)
    audit.record(
        by,
        "add API client",
        client.name,
        kind=client.kind,
        scopes=client.scopes,
        origins=client.allowed_origins,
        key=made.lookup,
    )
    transaction.on_commit(token_keys.forget)  # which knows the origins of all clients
    return key


def allowed_scopes(kind: str, asked: Iterable[str]) -> list[str]:
    """What a client of this kind gets of what is asked for; nothing asked means all there is.

    Raises:
        UnknownScope: with the known ones in its message.
    """
    wanted = frozenset(asked) or frozenset(SCOPES)
    if unknown := wanted - set(SCOPES):
        raise UnknownScope(f"unknown scopes: {', '.join(sorted(unknown))}; known are {', '.join(SCOPES)}")
    return sorted(PUBLISHABLE_SCOPES if kind == ApiClient.Kind.PUBLISHABLE else wanted)


def add(
    client: ApiClient, key: str | None = None, *, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Gives a client one more key: the row, and the key itself, which is stored nowhere."""
    key = key or PREFIXES[ApiClient.Kind(client.kind)] + secrets.token_urlsafe(32)
    row = client.keys.create(lookup=key[:LOOKUP_LENGTH], key_hash=digest(key), expires_at=expires_at)
    return row, key


def find(key: str) -> Caller | None:
    """The caller a key belongs to; none when it is unknown, revoked, expired, or a demo key outside DEBUG.

    Raises:
        OperationalError, InterfaceError: the database is away, and this process has not found the key for so long
            that it does not know.
    """
    if key in DEMO_KEYS.values() and not settings.DEBUG:
        return None
    if not (key.isascii() and key.isprintable()):  # no key is, and Postgres has no text with a NUL
        return None
    fingerprint = digest(key).hex()
    known = _remembered.get(fingerprint)
    if known and known.is_good_for(CACHE_SECONDS):
        return known.caller
    try:
        database.refuse_if_away()
        found = _read(key)
    except (OperationalError, InterfaceError) as error:
        if known and known.is_good_for(AWAY_SECONDS) and database.is_gone(error):
            database.suspect()
            return known.caller
        raise
    _remembered.pop(fingerprint, None)
    if found:
        # Unknown keys are never remembered: a flood of guesses must not grow this dictionary.
        _remembered[fingerprint] = found
    return found.caller if found else None


def forget() -> None:
    """Empties the process's memory of keys, and of the origins that user tokens have from them."""
    _remembered.clear()
    token_keys.forget()


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _read(key: str) -> Known | None:
    wanted, read_at = digest(key), time.monotonic()
    for pk, kept, expires_at, used_at, *client in statements.fetch(WORKING, [key[:LOOKUP_LENGTH]]):
        if not hmac.compare_digest(kept, wanted):
            continue
        name, kind, scopes, origins = client
        caller = Caller(name, kind, frozenset(scopes), frozenset(origins), key=key[:LOOKUP_LENGTH])
        known = Known(caller, read_at, expires_at.timestamp() if expires_at else math.inf)
        if known.has_expired:
            return None
        note_use(pk, used_at, datetime.now(UTC))
        return known
    return None


def note_use(pk: int, used_at: datetime | None, now: datetime) -> None:
    """Keeps when a key was last used, to `NOTE_EVERY`."""
    if used_at is None or now - used_at >= NOTE_EVERY:
        noted = ApiKey.objects.filter(pk=pk).exclude(last_used_at__gt=now - NOTE_EVERY)
        noted.update(last_used_at=now)
