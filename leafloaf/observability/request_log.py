"""One line for each request, when it has been answered: what was asked for and what it cost, not what was said.

The address is told by its route, for a path names products, exports, people's links; a query string is never told.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve

from leafloaf.access.keys import Caller
from leafloaf.lib import request_ids
from leafloaf.lib.problems import CONTENT_TYPE
from leafloaf.lib.request_ids import HEADER, Work

logger = logging.getLogger("leafloaf.requests")

SLOW_MS = 350
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PROBES = frozenset({"health", "health/live", "health/ready", "metrics"})
NO_ROUTE, ROOT = "none", "/"
MEANT = 503
"""Answered on purpose, and to many at once; what is behind it has an ERROR of its own."""


class RequestLogMiddleware:
    """Stands before all others, so that whatever they answer has its id and its line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        work = Work(request_ids.accepted(request.headers.get(HEADER)))
        with request_ids.working(work):
            response = self.get_response(request)
            response.headers[HEADER] = work.request_id
            write(request, response, work, (time.perf_counter() - started) * 1000)
        return response


def write(request: HttpRequest, response: HttpResponseBase, work: Work, duration_ms: float) -> None:
    level = level_of(response.status_code, duration_ms, work)
    if not logger.isEnabledFor(level):
        return
    route = route_of(request)
    if level < logging.ERROR and route in PROBES:
        level = logging.DEBUG
    method = request.method if request.method in METHODS else "OTHER"
    told = {"method": method, "route": route, "status": response.status_code} | caller_of(request)
    told |= {"duration_ms": round(duration_ms, 1), "code": code_of(response)}
    told["subject"] = str(work.subject_id) if work.subject_id else None
    message = "%s %s %s in %.1f ms"
    logger.log(
        level, message, method, route, response.status_code, duration_ms, exc_info=work.error, extra=told
    )


def level_of(status: int, duration_ms: float, work: Work) -> int:
    if work.error or (status >= 500 and status != MEANT):
        return logging.ERROR
    return logging.WARNING if duration_ms > SLOW_MS or status == MEANT else logging.INFO


def route_of(request: HttpRequest) -> str:
    """The pattern of the address; of a file of ours only that it is one."""
    match = match_of(request)
    return (match.route or ROOT) if match else NO_ROUTE


def match_of(request: HttpRequest) -> ResolverMatch | None:
    """What the address leads to, also where somebody has answered before it was looked up."""
    try:
        return request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return None


def caller_of(request: HttpRequest) -> dict[str, str | None]:
    """What kind of credential was believed, and how its key begins."""
    caller = getattr(request, "auth", None)
    if isinstance(caller, Caller):
        return {"credential": caller.kind, "key": caller.key or None}
    user: Any = getattr(
        request, "_cached_user", None
    )  # whom somebody has asked for; nobody is asked for here
    return {"credential": "staff" if user is not None and user.is_authenticated else None}


def code_of(response: HttpResponseBase) -> str | None:
    """Which problem it is, where one is told."""
    if response.headers.get("Content-Type") != CONTENT_TYPE:
        return None
    document: Any = getattr(response, "data", None) or json.loads(getattr(response, "content", b"{}"))
    return str(document["code"]) if "code" in document else None
