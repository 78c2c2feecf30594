"""One search from request to answer: candidates from the catalogue, the intent, the event in the log."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import uuid6

from capture import events, ingest
from leafloaf.catalog import search as catalogue
from leafloaf.storefront import intent

KEYWORD_ONLY = 0.0
"""The alpha in effect: the catalogue answers by keyword alone, whatever was asked for."""


@dataclass(frozen=True)
class Request:
    """A valid search. `filters_given` is what the caller wrote, as the event keeps it."""

    query: str
    user_id: str | None
    session_id: str | None
    filters: catalogue.Filters
    filters_given: dict[str, Any]
    sort: catalogue.Sort
    limit: int
    offset: int


@dataclass(frozen=True)
class Answer:
    """The page found, what the query meant, and where the time went (milliseconds)."""

    search_id: str
    request: Request
    page: catalogue.Page
    intent: intent.Intent
    search_ms: float
    capture_ms: float
    total_ms: float


def run(request: Request) -> Answer:
    """Searches, and records the search before it answers."""
    started = time.perf_counter()
    received_at = datetime.now(UTC)
    search_id = str(uuid6.uuid7())
    page = catalogue.search(
        request.query,
        filters=request.filters,
        sort=request.sort,
        limit=request.limit,
        offset=request.offset,
    )
    meant = intent.of(request.query)
    found_in = milliseconds(started)
    ingest.record(event_of(request, search_id, page, meant, found_in), received_at)
    total = milliseconds(started)
    return Answer(search_id, request, page, meant, found_in, round(total - found_in, 1), total)


def event_of(
    request: Request, search_id: str, page: catalogue.Page, meant: intent.Intent, found_in: float
) -> events.Search:
    hits = page.results
    return events.Search(
        event_id=search_id,
        search_id=search_id,
        user_id=request.user_id,
        session_id=request.session_id,
        query=request.query,
        intent=meant.name,
        confidence=meant.confidence,
        results_count=page.total,
        response_time_ms=found_in,
        alpha=KEYWORD_ONLY,
        categories=distinct(hit.category for hit in hits),
        result_skus=[hit.sku for hit in hits],
        suppliers=distinct(hit.supplier for hit in hits),
        filters=request.filters_given or None,
    )


def distinct(names: Any) -> list[str]:
    """The names in order of first appearance, each once, blanks left out."""
    return list(dict.fromkeys(name[:256] for name in names if name))


def milliseconds(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 1)
