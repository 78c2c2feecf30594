"""`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), on all answers of throttled routes."""

from collections.abc import Callable, Iterator

from django.http import HttpRequest, HttpResponse

from leafloaf.access.throttling import gcra
from leafloaf.access.throttling.throttle import VERDICT
from leafloaf.access.throttling.verdict import Verdict

POLICY = "RateLimit-Policy"
LIMIT = "RateLimit"


class RateLimitMiddleware:
    """Says what the limits of a request are, and what is left of them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        verdict = request.META.get(VERDICT)
        if verdict and not is_shared(response) and (shown := list(items(verdict))):
            response[POLICY] = ", ".join(policy for policy, _ in shown)
            response[LIMIT] = ", ".join(limit for _, limit in shown)
        return response


def is_shared(response: HttpResponse) -> bool:
    """Whether a cache may hand the answer to others, of whom it would say nothing true."""
    return "public" in response.get("Cache-Control", "")


def items(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Of each limit its two items: the policy, and what is left of it. One that is used up is always shown."""
    is_taken = not verdict.wait
    for demand, start in zip(verdict.demands, verdict.starts, strict=True):
        rate = demand.rate
        if demand.is_shown or gcra.wait(start, verdict.now, rate, demand.needs):
            now = gcra.moved(start, rate, demand.takes) if is_taken else start
            left = gcra.remaining(now, verdict.now, rate)
            more = -(-gcra.until_more(now, verdict.now, rate) // gcra.MICROSECONDS)
            yield (
                f'"{demand.policy}";q={rate.count};w={rate.period_seconds}',
                f'"{demand.policy}";r={left};t={more}',
            )
