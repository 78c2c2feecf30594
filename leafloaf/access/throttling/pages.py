"""The limits of pages for people, which the REST framework does not serve: a page counts itself, and says no itself."""

import math

from django.http import HttpRequest

from leafloaf.access import instruments
from leafloaf.access.throttling import address, demands, gcra, rates, stores
from leafloaf.access.throttling.throttle import VERDICT

READS, WRITES = rates.PAGES
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def count(request: HttpRequest, person: str | None = None) -> int:
    """Takes a request from the limits of its address and of the person who is signed in.

    Returns:
        0 when it is let through; else the seconds to wait, and nothing was taken.
    """
    scope = READS if request.method in SAFE_METHODS else WRITES
    verdict = stores.take(demands.of_page(scope, person, address.of(request.META)))
    request.META[VERDICT] = verdict
    if verdict.wait:
        instruments.THROTTLED.labels(verdict.refused[0].policy).inc()
    return math.ceil(verdict.wait / gcra.MICROSECONDS)
