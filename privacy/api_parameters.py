"""What many calls about one person share."""

from drf_spectacular.utils import OpenApiParameter

from leafloaf.access.identity import LONGEST_USER_ID

USER = OpenApiParameter(
    "X-User-Id",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_USER_ID},
    OpenApiParameter.HEADER,
    description="The shop's id of the user, with a secret key; a user token speaks for its own user without it.",
)
USER_IF_ANY = OpenApiParameter(
    "X-User-Id",
    {"type": "string", "maxLength": LONGEST_USER_ID},
    OpenApiParameter.HEADER,
    description="The shop's id of the user, if there is one, with a secret key; a user token speaks for its own "
    "user without it.",
)
GPC = OpenApiParameter(
    "Sec-GPC",
    str,
    OpenApiParameter.HEADER,
    description="Global Privacy Control: with `1` this request is neither personalised nor used for a profile.",
)
NO_STORE = {"Cache-Control": "no-store"}
