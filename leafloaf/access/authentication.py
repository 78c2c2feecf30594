"""Who calls: an API key or a user token in `Authorization: Bearer …`."""

from datetime import UTC, datetime
from typing import NoReturn

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from leafloaf.access import keys, tokens
from leafloaf.access.keys import Caller
from leafloaf.lib import database

HINT = "Send `Authorization: Bearer` with a key `pk_…` or `sk_…`, or with a user token."
PUBLISHABLE = "pk_"
KEYS = tuple(keys.PREFIXES.values())


class Outdated(AuthenticationFailed):
    """A token that the shop did sign, and that is not good now: nobody is guessing."""


class BearerAuthentication(BaseAuthentication):
    """Sets `request.auth` to the `keys.Caller`; `request.user` stays empty, which is for staff.

    While the database is known to be away, only a view that says `does_without_database` is asked at all, and no user
    token is believed: nobody could have revoked its key.
    """

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        view = (request.parser_context or {}).get("view")
        if not getattr(view, "does_without_database", False):
            database.refuse_if_away()
        header = str(request.headers.get("Authorization", "")) or from_address(request)
        if not header:
            return None
        scheme, _, credential = header.partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            refuse("The Authorization header is not `Bearer <credential>`.")
        return None, caller_of(credential.strip())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="leafloaf"'


def caller_of(credential: str) -> Caller:
    """Who shows a key or a token; whatever is not made like a key is read as a token."""
    if credential.startswith(KEYS):
        return keys.find(credential) or refuse("This key is unknown or revoked.")
    database.refuse_if_away()
    try:
        return tokens.caller_of(credential, datetime.now(UTC))
    except tokens.Unsigned as error:
        refuse(str(error))
    except tokens.Refused as error:
        raise Outdated(f"{error} {HINT}") from error


def from_address(request: Request) -> str:
    """A publishable key in `?key=`, for `navigator.sendBeacon`, which can set no header; a secret key never counts."""
    key = request.query_params.get("key", "")
    return f"Bearer {key}" if key.startswith(PUBLISHABLE) else ""


def refuse(reason: str) -> NoReturn:
    raise AuthenticationFailed(f"{reason} {HINT}")
