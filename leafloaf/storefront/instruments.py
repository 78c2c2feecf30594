"""How searches are answered."""

from typing import Protocol

from leafloaf.lib import metering

STAGE_SECONDS = metering.histogram(
    "leafloaf_search_seconds",
    "How long a search took: `search`, `personalization`, `recommendations`, `capture`, and all of it as `total`.",
    "stage",
)
CACHE_ANSWERS = metering.counter(
    "leafloaf_search_cache_total",
    "Pages of results by where they came from: `hit`, `miss`, or `off` where nothing may be kept.",
    "status",
    values=[("hit",), ("miss",), ("off",)],
)
PERSONALIZED = metering.counter(
    "leafloaf_searches_total",
    "Searches by whether they were put in order for a person: `applied`, `no_history` of somebody of whom nothing is "
    "known, `off` for who wants none of it, `anonymous`.",
    "personalization",
    values=[("applied",), ("no_history",), ("off",), ("anonymous",)],
)
RECOMMENDED = metering.counter(
    "leafloaf_search_recommendations_total",
    "Searches by what became of the recommendations beside them: `ok`, `timeout`, `off`, `no_history`.",
    "status",
    values=[("ok",), ("timeout",), ("off",), ("no_history",)],
)
STALE = metering.counter(
    "leafloaf_searches_stale_total",
    "Searches answered from what was kept while the database was away.",
)


class Execution(Protocol):
    """Where the time of a search went, in milliseconds."""

    @property
    def total_time_ms(self) -> float: ...
    @property
    def search_ms(self) -> float: ...
    @property
    def personalization_ms(self) -> float: ...
    @property
    def recommendations_ms(self) -> float: ...
    @property
    def capture_ms(self) -> float: ...


def note_stages(execution: Execution) -> None:
    for stage, ms in (
        ("total", execution.total_time_ms),
        ("search", execution.search_ms),
        ("personalization", execution.personalization_ms),
        ("recommendations", execution.recommendations_ms),
        ("capture", execution.capture_ms),
    ):
        STAGE_SECONDS.labels(stage).observe(ms / 1000)
