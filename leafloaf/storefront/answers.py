"""A search answered: its page, kept or made anew, and its event in the log before anybody is told.

A page is kept under everything it depends on: the catalogue's version, what was understood of the query, and the rest
that was asked. So what is kept is never stale: it is only never asked for again. What an order is about is never kept.
"""

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import uuid6
from django.conf import settings

from capture import ingest
from leafloaf.catalog import semantic, version
from leafloaf.lib import cache
from leafloaf.lib.cache import Status
from leafloaf.storefront import intent, search
from leafloaf.storefront.intent import Intent
from leafloaf.storefront.search import Facts, Request
from privacy import subjects

USER_SECONDS = 60 * 60
ANYBODY_SECONDS = 10 * 60
"""What one shopper asks comes back within the hour; what anybody asks is common, and comes back within minutes."""

Rendered = Callable[[search.Found, Intent], dict[str, object]]
"""The part of an answer that is the same for all who ask the same."""


class Kept(msgspec.Struct):
    """A page as JSON, and what the event says of it."""

    page: msgspec.Raw
    facts: Facts


class Execution(msgspec.Struct):
    """Where the time went, in milliseconds; `alpha` is the one in effect."""

    total_time_ms: float
    search_ms: float
    personalization_ms: float
    recommendations_ms: float
    capture_ms: float
    cache: Status
    alpha: float
    semantic: str


encoder = msgspec.json.Encoder(decimal_format="string")
decoder = msgspec.json.Decoder(Kept)


def run(request: Request, rendered: Rendered) -> bytes:
    """The JSON of the answer.

    Raises:
        SearchTimeout: it took longer than a search may.
    """
    started, received_at = time.perf_counter(), datetime.now(UTC)
    search_id = str(uuid6.uuid7())
    kept, status = page(request, rendered)
    found_in = milliseconds(started)
    ingest.record(search.event_of(request, search_id, kept.facts, found_in), received_at)
    total = milliseconds(started)
    execution = Execution(
        total, found_in, 0.0, 0.0, round(total - found_in, 1), status, kept.facts.alpha, kept.facts.semantic
    )
    head = encoder.encode({"search_id": search_id, "query": request.query})
    tail = encoder.encode({"execution": execution})
    return b",".join((head[:-1], bytes(kept.page)[1:-1], tail[1:]))


def page(request: Request, rendered: Rendered) -> tuple[Kept, Status]:
    """The page that was kept for the same question, or a new one."""
    meant = intent.of(request.query)

    def made() -> bytes:
        found = search.find(request, meant)
        facts = search.facts_of(found, meant)
        return encoder.encode(Kept(msgspec.Raw(encoder.encode(rendered(found, meant))), facts))

    if meant.name in intent.ON_ORDERS or request.explain or not cache.is_on():
        return decoder.decode(made()), Status.OFF
    seconds = USER_SECONDS if request.user_id else ANYBODY_SECONDS
    answer, status = cache.remember(name_of(request, meant), seconds, made)
    return decoder.decode(answer), status


def name_of(request: Request, meant: Intent) -> str:
    """The key of the page: a person's stands among their own keys, to be erased with them."""
    asked = [
        version.current(),
        semantic.is_available(),
        meant,
        " ".join(request.query.split()),
        request.filters,
        request.sort,
        request.limit,
        request.offset,
        settings.SEARCH_ALPHA if request.alpha is None else request.alpha,
    ]
    digest = hashlib.blake2b(encoder.encode(asked), digest_size=16).hexdigest()
    if request.user_id is None:
        return f"cache:{digest}"
    return f"user:{subjects.resolve([request.user_id])[request.user_id]}:cache:{digest}"


def milliseconds(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 1)
