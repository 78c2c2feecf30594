"""Measures every request. Its labels are patterns of addresses, never an address, and methods that there are.

Every set of labels is a series for ever and takes its room in a file (folder.py), so nobody can make up many of them:
not by methods that a route does not take, not by the pages of the admin without signing in, and beyond `MOST_SERIES`
in a process none is added.
"""

import threading
import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from leafloaf.observability import instruments
from leafloaf.observability.request_log import caller_of, code_of, match_of, route_of

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
OTHER_METHOD = "OTHER"
ADMIN, NOT_LET_IN = "admin/", "admin"
OTHER_ROUTE = "other"
MOST_SERIES = 600

Labels = tuple[str, str, str]


class RequestTimesMiddleware:
    """Stands before those that may answer by themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        with instruments.IN_PROGRESS.track_inprogress():
            response = self.get_response(request)
        labels = _series.admit(labels_of(request, response))
        instruments.REQUEST_SECONDS.labels(*labels).observe(time.perf_counter() - started)
        if code := code_of(response):
            instruments.PROBLEMS.labels(code).inc()
        return response


class Series:
    """The sets of labels that this process has used."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._used: set[Labels] = set()
        self._lock = threading.Lock()

    def admit(self, labels: Labels) -> Labels:
        """These labels, or once there are too many the same without their route."""
        if labels in self._used:
            return labels
        with self._lock:
            if labels in self._used or len(self._used) < self.most:
                self._used.add(labels)
                return labels
        return (OTHER_ROUTE, *labels[1:])


_series = Series(MOST_SERIES)


def labels_of(request: HttpRequest, response: HttpResponseBase) -> Labels:
    status = response.status_code
    is_taken = status != 405 and takes(request)
    method = str(request.method) if is_taken else OTHER_METHOD
    route = route_of(request)
    if route.startswith(ADMIN) and (status in (401, 403) or not caller_of(request)["credential"]):
        route = NOT_LET_IN
    return route, method, f"{status // 100}xx"


def takes(request: HttpRequest) -> bool:
    """Whether it is a usual method and the view has it: who has no key is refused with any."""
    if request.method not in METHODS:
        return False
    match = match_of(request)
    view = getattr(match.func, "cls", None) or getattr(match.func, "view_class", None) if match else None
    return view is None or hasattr(view, request.method.lower())
