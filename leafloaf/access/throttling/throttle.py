"""What the REST framework asks of every request: its throttle, and its handler of errors.

The framework asks a throttle last, after credential and permission. What was refused before is counted by the handler:
a credential that nobody gave out against the address, everything else as the request that it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from leafloaf.access import instruments
from leafloaf.access.authentication import Outdated
from leafloaf.access.keys import Caller
from leafloaf.access.throttling import address, demands, gcra, stores
from leafloaf.access.throttling.verdict import Verdict
from leafloaf.lib import problems
from leafloaf.lib.problems import Problem

if TYPE_CHECKING:  # DRF imports this module while it is being imported itself
    from rest_framework.views import APIView

VERDICT = "leafloaf.throttling"
"""Where a request keeps its verdict, in `META`."""
WHOSE = {"address": "this network address", "user": "this user", "key": "this key"}


class TooManyRequests(Problem):
    """A limit is used up."""

    status_code = 429
    default_code = "too_many_requests"

    def __init__(self, verdict: Verdict) -> None:
        self.wait = verdict.wait / gcra.MICROSECONDS
        self.policies = [demand.policy for demand in verdict.refused]
        super().__init__(
            f"Too many requests from {whose(self.policies[0])}; ask again in {max(1, math.ceil(self.wait))} s."
        )


class Throttle(BaseThrottle):
    """The default of every view; the class of limits is the view's scope, and a view without one has none."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """True, or an error.

        Raises:
            TooManyRequests: nothing was taken of any limit.
        """
        wrong: APIException | None = None
        user_id, cost = None, 1
        try:
            if hasattr(view, str(request.method).lower()):  # else its body is nobody's
                user_id, cost = user_of(request), cost_of(request, view)
        except APIException as error:  # a body that cannot be read is a request all the same
            wrong = error
        count(request, view, user_id, cost)
        if wrong:
            raise wrong
        return True


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The EXCEPTION_HANDLER: `problems.handle`, after what was refused too early for the throttle was counted."""
    request = context["request"]
    if isinstance(error, APIException) and VERDICT not in request.META:
        try:
            count_refused(request, context["view"], error)
        except TooManyRequests as too_many:
            error = too_many
    response = problems.handle(error, context)
    if response is not None and isinstance(error, TooManyRequests):
        response.data["violated-policies"] = error.policies
        instruments.THROTTLED.labels(error.policies[0]).inc()
    return response


def count(request: Request, view: APIView, user_id: str | None, cost: int) -> None:
    """Takes a request from its limits.

    Raises:
        TooManyRequests: see there.
    """
    if scope := scope_of(request, view):
        caller = caller_of(request)
        _take(request, demands.of(scope, caller, user_id, address.of(request.META), cost))


def count_refused(request: Request, view: APIView, error: APIException) -> None:
    if not scope_of(request, view):
        return
    if isinstance(error, AuthenticationFailed | NotAuthenticated) and not isinstance(error, Outdated):
        _take(request, list(demands.failures(address.of(request.META))))
    else:
        caller = caller_of(request)
        count(request, view, caller.user_id if caller else None, 1)


def _take(request: Request, wanted: list[demands.Demand]) -> None:
    verdict = stores.take(wanted)
    request.META[VERDICT] = verdict
    if verdict.wait:
        raise TooManyRequests(verdict)


def scope_of(request: Request, view: APIView) -> str:
    """The class of limits; what changes something of a person's privacy has a class of its own."""
    scope: str = getattr(view, "required_scope", "")
    is_write = scope == "privacy" and request.method not in SAFE_METHODS
    return "privacy_writes" if is_write else scope


def caller_of(request: Request) -> Caller | None:
    """Who has been let in so far; asks for no credential."""
    caller = getattr(request._request, "auth", None)
    return caller if isinstance(caller, Caller) else None


def user_of(request: Request) -> str | None:
    """The user whose limit counts: that of the token, or whom a secret key names in the header or a JSON object.

    Whether it may, and whether it is an id at all, is asked later (`identity`); a batch of events names many and counts
    for none of them.
    """
    caller = caller_of(request)
    if caller is None or caller.user_id or not caller.may_name_users:
        return caller.user_id if caller else None
    named = request.headers.get("X-User-Id")
    if not named and request.method not in SAFE_METHODS and isinstance(request.data, dict):
        named = request.data.get("user_id")
    return named if isinstance(named, str) and named else None


def cost_of(request: Request, view: APIView) -> int:
    """How many units a request is; a view whose requests differ says so by `cost(request)`."""
    cost = getattr(view, "cost", None)
    return int(cost(request)) if cost else 1


def whose(policy: str) -> str:
    return WHOSE.get(policy.rpartition("-")[2], "this network address with a wrong credential")
