"""What recommendations cost, and how often what is remembered of somebody had to be read."""

from leafloaf.lib import metering

CACHE_ANSWERS = metering.counter(
    "leafloaf_profile_cache_total",
    "Memories of persons by where they came from: `hit`, `miss`, or `off` while Redis does not answer.",
    "status",
    values=[("hit",), ("miss",), ("off",)],
)
MISHAPS = metering.counter(
    "leafloaf_recommendation_mishaps_total",
    "Lists that came too late for their search (`timeout`), and lists that could not be logged (`unlogged`).",
    "kind",
    values=[("timeout",), ("unlogged",)],
)
