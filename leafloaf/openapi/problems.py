"""The errors in the description: one schema, and one answer for each status that operations share."""

from typing import Any

from leafloaf.access.throttling.openapi import HEADERS as LIMITS
from leafloaf.access.throttling.openapi import RETRY_AFTER
from leafloaf.lib import problems

REQUEST_ID = {
    "description": "By which the server's logs know this request; the caller's own `X-Request-Id`, if it sent one.",
    "schema": {"type": "string"},
    "example": "01a1ff87-0dd8-7c2d-a52f-68fe8c81243e",
}
AWAY_STATUS = 503
AWAY = {AWAY_STATUS: {"Retry-After": RETRY_AFTER | {"description": "Seconds after which to ask again."}}}
CHALLENGE = {401: {"WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}}}}
ALLOW = {405: {"Allow": {"description": "The methods there are.", "schema": {"type": "string"}}}}
MORE_HEADERS: dict[int, dict[str, Any]] = AWAY | CHALLENGE | ALLOW

POINTED = {
    "type": "object",
    "description": "One thing that is wrong, and where.",
    "properties": {
        "pointer": {"type": "string", "description": "JSON pointer (RFC 6901) into what was sent."},
        "code": {"type": "string", "description": "For programs."},
        "detail": {"type": "string", "description": "For people."},
    },
    "required": ["pointer", "code", "detail"],
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457). `code` is for programs, `detail` for people.",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "`urn:leafloaf:problem:` and the code."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "code": {"type": "string", "description": "What to branch on; never changes its meaning."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemError"}},
        "request_id": {"type": "string", "description": "As in `X-Request-Id`."},
    },
    "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
}

# By status: the component's name, when it is answered, and its codes with what each says.
SHARED: dict[int, tuple[str, str, dict[str, str]]] = {
    400: (
        "BadRequest",
        "The request cannot be read: no JSON, or a host that is not served here.",
        {"malformed": "The body is not valid JSON: Input data was truncated."},
    ),
    401: (
        "NotAuthenticated",
        "No credential, or one that is unknown, revoked or expired.",
        {
            "not_authenticated": "Authentication credentials were not provided.",
            "authentication_failed": "This key is unknown or revoked.",
        },
    ),
    403: (
        "NotAllowed",
        "The credential lacks the scope, may not be used from this page, or may not speak for this user.",
        {
            "permission_denied": "This credential lacks the scope for this address.",
            "user_not_allowed": "A publishable key speaks for anonymous sessions only; leave the user out.",
        },
    ),
    404: ("NotFound", "There is nothing here.", {"not_found": "There is nothing at this address."}),
    405: (
        "MethodNotAllowed",
        "The address has no such method.",
        {"method_not_allowed": 'Method "PUT" not allowed.'},
    ),
    406: (
        "NotAcceptable",
        "`Accept` leaves out what is answered here.",
        {"not_acceptable": "Could not satisfy the request Accept header."},
    ),
    411: (
        "LengthRequired",
        "The body was sent in chunks.",
        {"length_required": "A chunked body cannot be read here; send it with a Content-Length."},
    ),
    413: (
        "TooLarge",
        "The body is larger than 1 MiB.",
        {"too_large": "The body is larger than 1048576 bytes; send less at once."},
    ),
    415: (
        "UnsupportedMediaType",
        "The body is not `application/json`.",
        {"unsupported_media_type": 'Unsupported media type "text/csv" in request.'},
    ),
    422: (
        "Invalid",
        "Well-formed, but something in it is not valid; `errors` says what and where.",
        {"invalid": "Some fields are invalid."},
    ),
    500: ("InternalError", "A mistake of ours.", {"internal_error": "Something went wrong on our side."}),
    503: (
        "Unavailable",
        "The database is away, or there is more to do than can be done; ask again after `Retry-After`.",
        {
            "database_away": "The database does not answer; try again shortly.",
            "overloaded": "There is more to do than can be done at this moment; ask again shortly.",
        },
    ),
}
WRONG_FIELD = {
    "pointer": "/limit",
    "code": "max_value",
    "detail": "Ensure this value is less than or equal to 100.",
}


def components() -> dict[str, dict[str, Any]]:
    """What operations refer to."""
    return {
        "schemas": {"Problem": SCHEMA, "ProblemError": POINTED},
        "headers": {"X-Request-Id": REQUEST_ID},
        "responses": {name: answer(status, {}) for status, (name, _, _) in SHARED.items()},
    }


def complete_limits(answer: dict[str, Any]) -> None:
    """What the answer 429, which the throttling describes, shares with all others."""
    answer["headers"]["X-Request-Id"] = {"$ref": "#/components/headers/X-Request-Id"}
    said = "Too many requests from this user; ask again in 3 s."
    shown = example(429, "too_many_requests", said) | {"violated-policies": ["search-user"]}
    answer["content"][problems.CONTENT_TYPE]["example"] = shown


def reference(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{SHARED[status][0]}"}


def answer(status: int, more: dict[str, str], *, limited: bool = True) -> dict[str, Any]:
    """An error answer, with an example for each code that it may have.

    What an operation has of its own (`more`) stands in place of what is said in general; 503 has both.
    """
    _, when, codes = SHARED.get(status, ("", "", {}))
    if more and status != AWAY_STATUS:
        when, codes = " ".join(more.values()), {}
    examples = {code: {"value": example(status, code, detail)} for code, detail in (codes | more).items()}
    return {
        "description": when,
        "headers": headers(status, limited=limited),
        "content": {
            problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
        },
    }


def headers(status: int, *, limited: bool = True) -> dict[str, Any]:
    names = ["X-Request-Id", *(LIMITS if limited else ())]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names} | MORE_HEADERS.get(status, {})


def example(status: int, code: str, detail: str) -> dict[str, Any]:
    errors = [WRONG_FIELD] if status == 422 else []
    return problems.body(status, code, detail, errors) | {"request_id": REQUEST_ID["example"]}
