"""User tokens: JSON Web Tokens (RFC 7519) in which the shop says which of its users is calling.

Nothing in a token is believed before its signature is checked, with the key that it names and by that key's own
algorithm, whatever algorithm the token claims. Until then every refusal says the same; after it, a refusal says what
the shop did wrong. Whether a user is known to LeafLoaf is never looked at.
"""

from datetime import datetime
from typing import Any

import jwt
import msgspec

from leafloaf.access import identity, token_keys
from leafloaf.access.keys import Caller
from leafloaf.access.token_keys import Verifier
from leafloaf.lib.problems import Invalid

AUDIENCE = "leafloaf"
LONGEST_LIFE_SECONDS = 15 * 60
LEEWAY_SECONDS = 10
"""How far the shop's clock may be off."""
LONGEST_TOKEN = 4096  # characters; one with nothing but what is needed has 250

KIND = "user"
SCOPES = frozenset({"search", "events", "recommendations", "privacy"})

UNSIGNED = "This token is not signed by a key of the shop that is known here, or it was changed."


class Refused(Exception):
    """A token that is not believed; the message is for who sent it."""


class Unsigned(Refused):
    """It may be anybody's, trying."""


class Claims(msgspec.Struct, frozen=True):
    """What a token says, as far as it is asked."""

    sub: str
    aud: str | list[str]
    exp: float
    iat: float | None = None
    nbf: float | None = None


def caller_of(token: str, now: datetime) -> Caller:
    """Who calls with a token: the one user in its `sub`.

    Raises:
        Refused: see there.
        OperationalError, InterfaceError: the database is away.
    """
    verifier, payload = signed(token, now)
    claims = read(payload)
    check_times(claims, now.timestamp())
    if AUDIENCE not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise Refused(f"This token is for somebody else: its `aud` is not `{AUDIENCE}`.")
    user_id = user_of(claims)
    token_keys.note_use(verifier.kid, now)
    return Caller(f"User token by {verifier.kid}", KIND, SCOPES, token_keys.origins(), user_id, verifier.kid)


def signed(token: str, now: datetime) -> tuple[Verifier, bytes]:
    """The key a token is signed by, and the signed payload."""
    if len(token) > LONGEST_TOKEN:
        raise Unsigned(f"A token has at most {LONGEST_TOKEN} characters.")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        verifier = token_keys.find(kid, now)
        if verifier is None:
            raise Unsigned(UNSIGNED)
        checked: dict[str, Any] = jwt.PyJWS().decode_complete(
            token, verifier.key, algorithms=[verifier.algorithm]
        )
    except (jwt.PyJWTError, UnicodeError) as error:
        raise Unsigned(UNSIGNED) from error
    return verifier, checked["payload"]


def read(payload: bytes) -> Claims:
    try:
        return msgspec.json.decode(payload, type=Claims)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused(
            "This token lacks `sub`, `aud` or `exp`, or says something else in their place."
        ) from error


def check_times(claims: Claims, now: float) -> None:
    """Whether a token is young enough, by a clock that may be `LEEWAY_SECONDS` off."""
    if claims.exp <= now - LEEWAY_SECONDS:
        raise Refused("This token has expired.")
    if max(claims.iat or now, claims.nbf or now) > now + LEEWAY_SECONDS:
        raise Refused("This token begins in the future.")
    issued_at = now + LEEWAY_SECONDS if claims.iat is None else claims.iat
    if claims.exp > min(issued_at, now + LEEWAY_SECONDS) + LONGEST_LIFE_SECONDS:
        raise Refused("This token lives too long: `exp` is at most 15 minutes after `iat`.")


def user_of(claims: Claims) -> str:
    if not claims.sub:
        raise Refused("This token names no user: its `sub` is empty.")
    try:
        return identity.usable(claims.sub)
    except Invalid as error:
        raise Refused(f"The `sub` of this token is no usable id of a user. {error.detail}") from error
