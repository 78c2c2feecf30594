"""What a web process does when more is asked of it than it can do: it says so at once, and when to come back.

A process has many more threads than requests it works on (docs/decisions/0012-refused-at-the-door.md): the others wait
here for their turn and are counted, which a queue inside the server is not. A request that would be one too many is
answered 503 before anything was done for it, so whatever was answered 202 is in the log. Events may still wait when
reads may not: a page that is about to close cannot send its events again, a shopper can search again.

Two lanes share nothing: however busy the shop is, staff and people who ask for their data get through, and however
many they are, the shop is served. Probes have no lane, nor has the script that every page of the shop asks for.
"""

import random
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from leafloaf.lanes import Lane
from leafloaf.lib.problems import CONTENT_TYPE, body

CODE = "overloaded"
DETAIL = "More is asked of this server than it can do; nothing was done. Ask again after Retry-After seconds."
RETRY_SECONDS = (1, 2, 3)
"""Not all at once: those who were refused together would come back together."""

SHOP, EVENTS, RIGHTS = "/api/", "/api/v1/events", "/api/v1/privacy/"
PROBES = ("/health", "/health/live", "/health/ready", "/metrics")
SCRIPT = "/leafloaf"
"""The client for shops' pages: a file, which every page of the shop asks for."""
STAFF_PLACES, STAFF_WAITING, STAFF_SECONDS = 2, 4, 5.0
"""Pages of the admin and of privacy: few, each dearer, asked for by people who wait rather than ask again."""
SPARE_THREADS = 4
"""Those who say no, and answer probes."""


class OverloadMiddleware:
    """503 `overloaded` for what is beyond this process's places and waiting room."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.shop = Lane(settings.WEB_PLACES)
        self.staff = Lane(STAFF_PLACES)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path
        if path in PROBES or path.startswith(SCRIPT):
            return self.get_response(request)
        lane = self.shop if is_of_the_shop(path) else self.staff
        if not lane.enter(*self.patience(path)):
            return refusal()
        try:
            return self.get_response(request)
        finally:
            lane.leave()

    def patience(self, path: str) -> tuple[int, float]:
        """How many may wait, and how long one of them does."""
        if not is_of_the_shop(path):
            return STAFF_WAITING, STAFF_SECONDS
        room: int = settings.WEB_WAITING
        return (room if path == EVENTS else room // 2), settings.WEB_WAIT_SECONDS


def is_of_the_shop(path: str) -> bool:
    return path.startswith(SHOP) and not path.startswith(RIGHTS)


def refusal() -> JsonResponse:
    response = JsonResponse(body(503, CODE, DETAIL), status=503, content_type=CONTENT_TYPE)
    response["Retry-After"] = str(random.choice(RETRY_SECONDS))  # noqa: S311
    response["Content-Length"] = str(len(response.content))  # this far out nobody else says it
    return response


def threads_needed() -> int:
    """So many that no request ever waits in the server's own queue, where nobody counts it."""
    return int(settings.WEB_PLACES + settings.WEB_WAITING + STAFF_PLACES + STAFF_WAITING + SPARE_THREADS)
