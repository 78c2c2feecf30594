"""What drf-spectacular cannot see: the limits, which every route but the probes has."""

from typing import Any

from leafloaf.access.throttling.headers import LIMIT, POLICY

HEADERS: dict[str, dict[str, Any]] = {
    POLICY: {
        "description": "The limits of this request: of each its name, `q` units in `w` seconds "
        "(draft-ietf-httpapi-ratelimit-headers-10).",
        "schema": {"type": "string"},
        "example": '"search-address";q=1800;w=60',
    },
    LIMIT: {
        "description": "What is left of each limit: `r` units now, one more in `t` seconds.",
        "schema": {"type": "string"},
        "example": '"search-address";r=1799;t=1',
    },
}
RETRY_AFTER = {
    "description": "Seconds until the same request would be let through.",
    "schema": {"type": "integer", "minimum": 1},
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"const": "urn:leafloaf:problem:too_many_requests"},
        "title": {"type": "string"},
        "status": {"const": 429},
        "detail": {"type": "string"},
        "code": {"const": "too_many_requests"},
        "errors": {"type": "array", "items": {"type": "object"}, "maxItems": 0},
        "violated-policies": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The limits that are used up, by their names in the headers.",
        },
        "request_id": {"type": "string", "description": "As in `X-Request-Id`."},
    },
    "required": [
        "type",
        "title",
        "status",
        "detail",
        "code",
        "errors",
        "request_id",
        "violated-policies",
    ],
}


def add_limits(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook: the headers on every answer, and the answer 429."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["TooManyRequests"] = PROBLEM
    components.setdefault("headers", {}).update(HEADERS)
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
    components.setdefault("responses", {})["TooManyRequests"] = {
        "description": "A limit is used up; nothing was done.",
        "headers": {**headers, "Retry-After": RETRY_AFTER},
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/TooManyRequests"}}},
    }
    for operation in throttled(result):
        for response in operation["responses"].values():
            response.setdefault("headers", {}).update(headers)
        operation["responses"]["429"] = {"$ref": "#/components/responses/TooManyRequests"}
    return result


def throttled(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The operations that need a credential: those have limits."""
    return [
        operation
        for methods in result["paths"].values()
        for operation in methods.values()
        if any(operation.get("security", ()))  # a probe's is one that asks for nothing
    ]
