"""Bodies of unknown length: Django reads none of them, so the sender must be told rather than misunderstood."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from leafloaf.lib.problems import CONTENT_TYPE, body

DETAIL = "A chunked body cannot be read here; send it with a Content-Length."


class LengthRequiredMiddleware:
    """411 for a request that is sent in chunks (RFC 9110, 15.5.12)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
            document = body(411, "length_required", DETAIL)
            return JsonResponse(document, status=411, content_type=CONTENT_TYPE)
        return self.get_response(request)
