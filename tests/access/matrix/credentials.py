"""What a request may come with: how it is called, and what is true of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.access.matrix.policy import ROLELESS, ROLES, SUPERUSER


class Speaks(StrEnum):
    """For whom a credential of the API may speak."""

    NOBODY = "nobody"
    ANYBODY = "anybody"
    OWNER = "the owner"
    OTHER = "another user"


OF_PEOPLE = frozenset({"search", "events", "recommendations", "privacy"})
"""What a user token may be used for: what the shop does for its user."""
EVERY_SCOPE = OF_PEOPLE | {"metrics"}
IN_BROWSERS = frozenset({"search", "events"})


@dataclass(frozen=True)
class Credential:
    """One of the API, with the user that the request names beside it.

    `known`: whether it is believed at all; `from_allowed_page`: whether the page it is used from may use it.
    """

    name: str
    known: bool = False
    scopes: frozenset[str] = EVERY_SCOPE
    speaks_for: Speaks = Speaks.ANYBODY
    names: Speaks | None = None
    from_allowed_page: bool = True

    @property
    def user(self) -> Speaks | None:
        """Of whom the answer would be."""
        return self.names or (self.speaks_for if self.speaks_for in {Speaks.OWNER, Speaks.OTHER} else None)


def publishable(name: str, **facts: object) -> Credential:
    return Credential(name, True, IN_BROWSERS, Speaks.NOBODY, **facts)  # type: ignore[arg-type]


def token(name: str, of: Speaks = Speaks.OWNER, **facts: object) -> Credential:
    return Credential(name, True, OF_PEOPLE, of, **facts)  # type: ignore[arg-type]


def of_the_api() -> Iterator[Credential]:
    for name in (
        "nothing",
        "garbage",
        "a password (Basic)",
        "an unknown key",
        "a publishable key, revoked",
        "a secret key, revoked",
        "a secret key, rotated out",
        "a secret key in the address",
        "a user token in the address",
        "a user token, expired",
        "a user token for another audience",
        "a user token of 16 minutes",
        "a user token without a signature (alg none)",
        "a user token signed with the public key as an HS256 secret",
        "a user token with an unknown kid",
        "a user token signed by another's key",
        "a user token of a revoked key",
        "the session of a superuser",
        "the session of a privacy page",
    ):
        yield Credential(name)
    yield publishable("a publishable key")
    yield publishable("a publishable key from its page")
    yield publishable("a publishable key in the address")
    yield publishable("a publishable key that names a user", names=Speaks.OWNER)
    yield publishable("a publishable key from another page", from_allowed_page=False)
    for scope in sorted(EVERY_SCOPE):
        yield Credential(f"a secret key for {scope} alone", True, frozenset({scope}), names=Speaks.OWNER)
    yield Credential("a secret key without scopes", True, frozenset(), names=Speaks.OWNER)
    yield Credential("a secret key that names nobody", True)
    yield Credential("a secret key that names the owner", True, names=Speaks.OWNER)
    yield Credential("a secret key that names another", True, names=Speaks.OTHER)
    yield Credential("a secret key from a page", True, names=Speaks.OWNER, from_allowed_page=False)
    yield token("the owner's user token")
    yield token("the owner's user token that names the owner", names=Speaks.OWNER)
    yield token("the owner's user token that names another", names=Speaks.OTHER)
    yield token("the owner's user token from the shop's page")
    yield token("the owner's user token from another page", from_allowed_page=False)
    yield token("another's user token", Speaks.OTHER)
    yield token("another's user token that names the owner", Speaks.OTHER, names=Speaks.OWNER)


OF_THE_API = tuple(of_the_api())

OWN_SESSION, OTHERS_SESSION = "the owner's session", "another's session"
CLOSED_TO = (
    "nothing",
    "a made-up session",
    "a session that was left",
    "the session of a superuser",
    "a secret key",
    "the owner's user token",
)
OF_PERSONS = (*CLOSED_TO, OWN_SESSION, OTHERS_SESSION)

OUTSIDE = (
    "nothing",
    "a made-up session",
    "a secret key",
    "the owner's user token",
    "the owner's session",
    "a customer's account",
    "a former superuser",
    "a superuser without a second factor",
)
OF_STAFF = (*OUTSIDE, ROLELESS, *ROLES, SUPERUSER)
