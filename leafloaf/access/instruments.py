"""Who was refused, and where limits are counted."""

from leafloaf.lib import metering

THROTTLED = metering.counter(
    "leafloaf_throttled_requests_total",
    "Requests refused because a limit was used up, by the first limit that was: its class of routes and whose it is.",
    "policy",
)
LIMITS_COUNTED = metering.counter(
    "leafloaf_limits_counted_total",
    "Requests by where their limits were counted: `redis`, `postgres`, or `memory`, which is this process alone.",
    "store",
    values=[("redis",), ("postgres",), ("memory",)],
)
