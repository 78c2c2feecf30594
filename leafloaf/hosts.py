"""Requests for a host that is not served here (`ALLOWED_HOSTS`), answered as the API answers everything.

Django's own 400 is a page of HTML under DEBUG, and comes from wherever the host is asked for first.
"""

from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse

from leafloaf.lib.problems import CONTENT_TYPE, body

ROOTS = ("/api", "/health", "/metrics")
DETAIL = "This host is not served here; use the address that the shop gave you."


class InvalidHostMiddleware:
    """Stands first: the others ask for the host too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_for_programs(request.path):
            try:
                request.get_host()
            except DisallowedHost:
                document = body(400, "invalid_host", DETAIL)
                return JsonResponse(document, status=400, content_type=CONTENT_TYPE)
        return self.get_response(request)


def is_for_programs(path: str) -> bool:
    return path in ROOTS or path.startswith(tuple(f"{root}/" for root in ROOTS))
