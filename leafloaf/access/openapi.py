"""How the API description names our credentials, and which of them an operation takes."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from leafloaf.access import keys, tokens

SCHEMES: dict[str, dict[str, str]] = {
    "publishableKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A publishable key `pk_…`, for browsers: anonymous sessions, from the origins that it lists. "
        "It can never name a user.",
    },
    "secretKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A secret key `sk_…`, for the shop's servers: what its scopes allow, for any user named in the "
        "body or in `X-User-Id`.",
    },
    "userToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token that the shop signed for one user, of at most 15 minutes. It speaks for the user in "
        "its `sub` and for nobody else.",
    },
}

SCOPES = {
    "publishableKey": keys.PUBLISHABLE_SCOPES,
    "secretKey": frozenset(keys.SCOPES),
    "userToken": tokens.SCOPES,
}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "leafloaf.access.authentication.BearerAuthentication"
    name = list(SCHEMES)

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return list(SCHEMES.values())

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """One or another, each with the scope that it must have; the default would ask for all at once."""
        scope = auto_schema.view.required_scope
        return [{name: [scope]} for name in SCHEMES if scope in SCOPES[name]]
