"""Cross-origin calls from browsers (the Fetch standard, "CORS protocol").

A preflight tells nothing and is answered for every origin: it comes without a key, so there is nothing to decide yet.
The call itself is decided by the credential (`permissions.HasScope`): a publishable key lists the origins it may be
used from, and a user token may be used from those of every publishable key, for these are the shop's pages. Only an
allowed origin may read the answer. That nobody was let in (401, 429) or could be asked (503) may be read by all: it
tells nothing, and without it a page could not know that its token has expired. Cookies take no part in it.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from leafloaf.access.keys import Caller

API = "/api/"
PREFLIGHT_SECONDS = 600
METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
HEADERS = "Authorization, Content-Type, Content-Encoding, X-Request-Id"
EXPOSED = "Retry-After, RateLimit, RateLimit-Policy, X-Request-Id"
TELLS_NOTHING = {401, 429, 503}


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
        if caller.may_be_used_from(origin) if isinstance(caller, Caller) else tells_nothing(response):
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = EXPOSED
        patch_vary_headers(response, ["Origin"])
        return response


def tells_nothing(response: HttpResponse) -> bool:
    return response.status_code in TELLS_NOTHING


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
