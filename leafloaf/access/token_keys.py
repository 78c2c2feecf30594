"""The keys by which the shop signs user tokens: added, revoked, and remembered by those who check signatures.

All of them are few, so a process remembers all, for `CACHE_SECONDS`: the longest that a revoked one still works. A key
id that it does not know makes it look again, once a second at most, so that a new key works at once. While the database
is away none is believed.
"""

import logging
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from leafloaf.access import audit, encryption, public_keys
from leafloaf.access.models import ApiClient, TokenKey
from leafloaf.lib import database

logger = logging.getLogger(__name__)

Algorithm = TokenKey.Algorithm

CACHE_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 1.0
NOTE_EVERY = timedelta(minutes=10)
"""How exactly it is known when a key was last used; more would be a write for every request."""

DEMO_KID = "demo"
DEMO_SECRET = "leafloaf-demo-secret-that-everybody-knows"  # noqa: S105 (public on purpose; DEBUG only)


class BadTokenKey(ValueError):
    """A key that cannot be added; `field` is what is wrong with it."""

    def __init__(self, field: str, complaint: str) -> None:
        super().__init__(complaint)
        self.field = field


@dataclass(frozen=True)
class Verifier:
    """What it takes to check a signature: the key, and the one algorithm it is for."""

    kid: str
    algorithm: str
    not_before: datetime
    key: EllipticCurvePublicKey | bytes = field(repr=False)


@dataclass(frozen=True)
class KeyRing:
    """What a process remembers."""

    verifiers: Mapping[str, Verifier]
    origins: frozenset[str]
    """Those of every publishable client: whose pages belong to the shop."""
    read_at: float

    @property
    def age(self) -> float:
        return time.monotonic() - self.read_at


NOTHING = KeyRing({}, frozenset(), float("-inf"))
_ring = NOTHING
_noted: dict[str, datetime] = {}


def check(key: TokenKey) -> None:
    """Whether a new key, as far as it is filled in, can be added.

    Raises:
        BadTokenKey: see there.
    """
    if key.kid == DEMO_KID:
        raise BadTokenKey("kid", "This id is the public demo key's.")
    if key.algorithm == Algorithm.HS256 and key.public_key:
        raise BadTokenKey("public_key", "HS256 has no public key: its secret is made here and shown once.")
    if key.algorithm == Algorithm.ES256:
        try:
            public_keys.load(key.public_key)
        except public_keys.BadPublicKey as error:
            raise BadTokenKey("public_key", str(error)) from error


@transaction.atomic
def add(key: TokenKey, *, by: str) -> str | None:
    """Stores a key and returns its secret, which cannot be read again; of ES256 there is none.

    Raises:
        BadTokenKey: see there.
    """
    check(key)
    key.kid = key.kid or secrets.token_hex(8)
    secret = None
    if key.algorithm == Algorithm.HS256:
        secret = secrets.token_urlsafe(48)
        key.secret = encryption.encrypt(secret.encode(), key.kid)
    else:
        key.public_key = public_keys.normalised(key.public_key)
    key.save(force_insert=True)
    audit.record(by, "add token key", key.kid, name=key.name, algorithm=key.algorithm)
    transaction.on_commit(forget)
    return secret


@transaction.atomic
def revoke(keys: Iterable[TokenKey], *, by: str) -> int:
    """Ends keys for good, and returns how many still worked; what they signed is refused from now on."""
    kids = [key.kid for key in keys]
    working = TokenKey.objects.select_for_update().filter(kid__in=kids, revoked_at=None)
    revoked = list(working.values_list("kid", flat=True))
    TokenKey.objects.filter(kid__in=revoked).update(revoked_at=timezone.now())
    for kid in revoked:
        audit.record(by, "revoke token key", kid)
    transaction.on_commit(forget)
    return len(revoked)


def add_demo() -> bool:
    """Makes the demo's key as it should be, and returns whether there was none."""
    stored = {
        "name": "Demo user tokens",
        "algorithm": Algorithm.HS256,
        "secret": encryption.encrypt(DEMO_SECRET.encode(), DEMO_KID),
        "revoked_at": None,
    }
    return TokenKey.objects.update_or_create(kid=DEMO_KID, defaults=stored)[1]


def find(kid: str | None, now: datetime) -> Verifier | None:
    """The key that a token says it is signed by; one that says nothing means the only key there is.

    Raises:
        OperationalError, InterfaceError: the database is away.
    """
    ring = remembered(CACHE_SECONDS)
    if kid not in ring.verifiers:
        ring = remembered(LOOK_AGAIN_SECONDS)
    begun = {known.kid: known for known in ring.verifiers.values() if known.not_before <= now}
    if kid is None:
        return next(iter(begun.values())) if len(begun) == 1 else None
    return begun.get(kid)


def origins() -> frozenset[str]:
    """The web origins whose pages may call with a user token."""
    return remembered(CACHE_SECONDS).origins


def remembered(seconds: float) -> KeyRing:
    """All keys that work, as they were at most so many seconds ago."""
    global _ring
    if _ring.age >= seconds:
        _ring = read()
    return _ring


def forget() -> None:
    """Empties the process's memory of keys, after one was changed here."""
    global _ring
    _ring = NOTHING
    _noted.clear()


def read() -> KeyRing:
    database.refuse_if_away()
    read_at = time.monotonic()
    usable = TokenKey.objects.filter(revoked_at=None)
    if not settings.DEBUG:
        usable = usable.exclude(kid=DEMO_KID)
    verifiers = {verifier.kid: verifier for key in usable if (verifier := verifier_of(key))}
    clients = ApiClient.objects.filter(kind=ApiClient.Kind.PUBLISHABLE, revoked_at=None)
    allowed = chain.from_iterable(clients.values_list("allowed_origins", flat=True))
    return KeyRing(verifiers, frozenset(allowed), read_at)


def verifier_of(key: TokenKey) -> Verifier | None:
    """The key ready for use; None for a secret that the present `SECRET_KEY` cannot read, which the log says."""
    if key.algorithm == Algorithm.ES256:
        return Verifier(key.kid, key.algorithm, key.not_before, public_keys.load(key.public_key))
    try:
        secret = encryption.decrypt(bytes(key.secret or b""), key.kid)
    except encryption.Unreadable:
        logger.error("The token key %s cannot be read with this SECRET_KEY; its tokens are refused.", key.kid)
        return None
    return Verifier(key.kid, key.algorithm, key.not_before, secret)


def note_use(kid: str, now: datetime) -> None:
    """Keeps when a key was last used, to `NOTE_EVERY`."""
    if now - _noted.get(kid, datetime.min.replace(tzinfo=UTC)) < NOTE_EVERY:
        return
    _noted[kid] = now
    TokenKey.objects.filter(kid=kid).exclude(last_used_at__gt=now - NOTE_EVERY).update(last_used_at=now)
