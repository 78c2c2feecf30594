"""A search answered: its page, kept or made anew, and its event in the log before anybody is told.

A page is kept under everything it depends on: the catalogue's version, what was understood of the query, and the rest
that was asked. So what is kept is never stale: it is only never asked for again. What an order is about is never kept.

While the database is away, what anybody asks is answered from the pages of the catalogue that this process saw last,
and says that it may be stale; the event waits in Redis for the log (`capture.waiting_room`).
"""

import hashlib
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import uuid6
from django.conf import settings
from django.db import InterfaceError, OperationalError

from capture import events, ingest, waiting_room
from leafloaf.catalog import semantic, version
from leafloaf.lib import cache, database
from leafloaf.lib.cache import Status
from leafloaf.storefront import beside, instruments, intent, search
from leafloaf.storefront.intent import Intent, known
from leafloaf.storefront.recommendations_api import item_shown
from leafloaf.storefront.search import Facts, Request
from personalization.signals import people
from personalization.signals.people import Person

logger = logging.getLogger(__name__)

USER_SECONDS = 60 * 60
ANYBODY_SECONDS = 10 * 60
"""What one shopper asks comes back within the hour; what anybody asks is common, and comes back within minutes."""

Rendered = Callable[[search.Found, Intent], dict[str, object]]
"""The part of an answer that is the same for all who ask the same."""


class Kept(msgspec.Struct):
    """A page as JSON, and what the event says of it."""

    page: msgspec.Raw
    facts: Facts


class Execution(msgspec.Struct, omit_defaults=True):
    """Where the time went, in milliseconds; `alpha` is the one in effect. Only what may be stale says so."""

    total_time_ms: float
    search_ms: float
    personalization_ms: float
    recommendations_ms: float
    capture_ms: float
    cache: Status
    alpha: float
    semantic: str
    stale: bool = False


class Catalogue(NamedTuple):
    """What a page depends on beside the question."""

    version: str
    is_semantic: bool


class Moment(NamedTuple):
    """When a search came in, by two clocks, and what it is called."""

    started: float
    received_at: datetime
    search_id: str


encoder = msgspec.json.Encoder(decimal_format="string")
decoder = msgspec.json.Decoder(Kept)


def run(request: Request, rendered: Rendered) -> bytes:
    """The JSON of the answer.

    Raises:
        SearchTimeout: it took longer than a search may.
        OperationalError, InterfaceError: the database is away, and nothing is kept that could be answered instead.
    """
    moment = Moment(time.perf_counter(), datetime.now(UTC), str(uuid6.uuid7()))
    try:
        database.refuse_if_away()
        person = people.known(request.user_id)
        theirs = person if is_personal(request, person) else None
        kept, status, ordered_in = page(request, rendered, theirs)
        instruments.CACHE_ANSWERS.labels(status).inc()
        instruments.PERSONALIZED.labels(personalization_of(request, person)).inc()
        return told(request, moment, kept, status, ingest.record, person, ordered_in)
    except (OperationalError, InterfaceError) as error:
        if not database.is_gone(error) or (kept_page := still_kept(request)) is None:
            raise
        database.suspect()
        try:
            # Under the same id: that the log did not answer does not say that it has not got the event.
            answer = told(request, moment, kept_page, Status.HIT, waiting_room.put, is_stale=True)
        except waiting_room.Full as full:
            logger.warning("A search cannot wait for the log: %s.", full)
            raise error from full
        instruments.STALE.inc()
        return answer


def told(
    request: Request,
    moment: Moment,
    kept: Kept,
    status: Status,
    record: Callable[[events.Event, datetime], object],
    person: Person | None = None,
    ordered_in: float = 0.0,
    is_stale: bool = False,
) -> bytes:
    """The answer, when its event is recorded."""
    facts, found_in = kept.facts, milliseconds(moment.started)
    shown = beside.found(request, person, facts.result_skus, moment.received_at)
    recommended_in = milliseconds(moment.started)
    record(search.event_of(request, moment.search_id, facts, recommended_in), moment.received_at)
    beside.log(shown, person, moment.search_id, moment.received_at)
    total = milliseconds(moment.started)
    execution = Execution(
        total_time_ms=total,
        search_ms=round(found_in - ordered_in, 1),
        personalization_ms=ordered_in,
        recommendations_ms=round(recommended_in - found_in, 1),
        capture_ms=round(total - recommended_in, 1),
        cache=status,
        alpha=facts.alpha,
        semantic=facts.semantic,
        stale=is_stale,
    )
    instruments.note_stages(execution)
    recommendations, recommendations_status = shown
    instruments.RECOMMENDED.labels(recommendations_status).inc()
    head = encoder.encode({"search_id": moment.search_id, "query": request.query})
    tail = encoder.encode(
        {
            "recommendations": [item_shown(item) for item in recommendations.items]
            if recommendations
            else [],
            "recommendations_status": recommendations_status,
            "execution": execution,
        }
    )
    return b",".join((head[:-1], bytes(kept.page)[1:-1], tail[1:]))


def page(request: Request, rendered: Rendered, person: Person | None) -> tuple[Kept, Status, float]:
    """The page that was kept for the same question, or a new one; in this person's order, if there is one.

    The last is how long the person's order took, in milliseconds.
    """
    meant, took = intent.of(request.query), 0.0

    def made() -> bytes:
        nonlocal took
        found = search.find_for(request, meant, person) if person else search.find(request, meant)
        took = found.personalization_ms
        facts = search.facts_of(found, meant)
        return encoder.encode(Kept(msgspec.Raw(encoder.encode(rendered(found, meant))), facts))

    if not may_be_kept(request, meant) or not cache.is_on():
        return decoder.decode(made()), Status.OFF, took
    seconds = USER_SECONDS if person else ANYBODY_SECONDS
    catalogue = Catalogue(version.current(), semantic.is_available())
    answer, status = cache.remember(name_of(request, meant, catalogue, person), seconds, made)
    return decoder.decode(answer), status, took


def may_be_kept(request: Request, meant: Intent) -> bool:
    return meant.name not in intent.ON_ORDERS and not request.explain


def still_kept(request: Request) -> Kept | None:
    """The page of an anonymous search by what this process knew last, without asking the database."""
    seen, names = version.last_seen(), known.held()
    if request.user_id is not None or seen is None or names is None:
        return None
    meant = intent.of(request.query, names)
    if not may_be_kept(request, meant):
        return None
    found = cache.kept(name_of(request, meant, Catalogue(seen, semantic.was_available()), None))
    return decoder.decode(found) if found else None


def is_personal(request: Request, person: Person | None) -> bool:
    """Whether the page is made for this person; it is the same for anybody of whom nothing may be, or is, known."""
    return bool(request.is_personal and person and person.is_personalized and person.version)


def personalization_of(request: Request, person: Person | None) -> str:
    """Whether a search is put in order for a person, or why not, as it is counted."""
    if request.user_id is None:
        return "anonymous"
    if is_personal(request, person):
        return "applied"
    is_off = not request.is_personal or (person is not None and not person.is_personalized)
    return "off" if is_off else "no_history"


def name_of(request: Request, meant: Intent, catalogue: Catalogue, person: Person | None) -> str:
    """The key of the page: a person's stands among their own keys, to be erased with them."""
    asked = [
        *catalogue,
        meant,
        " ".join(request.query.split()),
        request.filters,
        request.sort,
        request.limit,
        request.offset,
        settings.SEARCH_ALPHA if request.alpha is None else request.alpha,
        person and person.version,
    ]
    digest = hashlib.blake2b(encoder.encode(asked), digest_size=16).hexdigest()
    return f"user:{person.subject_id}:cache:{digest}" if person else f"cache:{digest}"


def milliseconds(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 1)
