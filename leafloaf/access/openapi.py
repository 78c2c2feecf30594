"""How the API description names our credentials."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

SCHEMES = ["apiKey", "userToken"]


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "leafloaf.access.authentication.BearerAuthentication"
    name = SCHEMES

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "description": "A publishable key `pk_…` for browsers, or a secret key `sk_…` for servers.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token that the shop signed for one user, of at most 15 minutes.",
            },
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """One or the other; the default would ask for both at once."""
        return [{name: []} for name in SCHEMES]
