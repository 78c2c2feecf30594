"""Who calls: an API key in `Authorization: Bearer …`."""

from typing import NoReturn

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from leafloaf.access import keys
from leafloaf.lib import database

HINT = "Send a key as `Authorization: Bearer pk_…` or `sk_…`."
PUBLISHABLE = "pk_"


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the `keys.Caller`; `request.user` stays empty, for keys are no people.

    While the database is known to be away, only a view that says `does_without_database` is asked at all.
    """

    def authenticate(self, request: Request) -> tuple[None, keys.Caller] | None:
        view = (request.parser_context or {}).get("view")
        if not getattr(view, "does_without_database", False):
            database.refuse_if_away()
        header = str(request.headers.get("Authorization", "")) or from_address(request)
        if not header:
            return None
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            refuse("The Authorization header is not `Bearer <key>`.")
        if (caller := keys.find(key.strip())) is None:
            refuse("This key is unknown or revoked.")
        return None, caller

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="leafloaf"'


def from_address(request: Request) -> str:
    """A publishable key in `?key=`, for `navigator.sendBeacon`, which can set no header; a secret key never counts."""
    key = request.query_params.get("key", "")
    return f"Bearer {key}" if key.startswith(PUBLISHABLE) else ""


def refuse(reason: str) -> NoReturn:
    raise AuthenticationFailed(f"{reason} {HINT}")
