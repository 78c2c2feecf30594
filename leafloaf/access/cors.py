"""Cross-origin calls from browsers (the Fetch standard, "CORS protocol").

A preflight tells nothing and is answered for every origin: it comes without a key, so there is nothing to decide yet.
The call itself is decided by the key, which lists the origins it may be used from (`permissions.HasScope`), and only
an allowed origin may read the answer. Cookies take no part in it.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from leafloaf.access.keys import Caller

API = "/api/"
PREFLIGHT_SECONDS = 600
METHODS = "GET, POST, PATCH, OPTIONS"
HEADERS = "Authorization, Content-Type, Content-Encoding"
EXPOSED = "Retry-After"


class CorsMiddleware:
    """Adds to API answers what browsers ask for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        origin = request.headers.get("Origin")
        if not origin or not request.path.startswith(API):
            return self.get_response(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return preflight(origin)
        response = self.get_response(request)
        caller = getattr(request, "auth", None)
        if isinstance(caller, Caller) and caller.may_be_used_from(origin):
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = EXPOSED
        patch_vary_headers(response, ["Origin"])
        return response


def preflight(origin: str) -> HttpResponse:
    return HttpResponse(
        status=204,
        headers={
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            "Vary": "Origin",
        },
    )
