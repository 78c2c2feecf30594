"""What the endpoints of privacy have in common: who is spoken for, and that nobody keeps the answer."""

from drf_spectacular.utils import OpenApiParameter

USER = OpenApiParameter("X-User-Id", str, OpenApiParameter.HEADER, description="The shop's id of the user.")
NO_STORE = {"Cache-Control": "no-store"}
