"""What somebody did, in order: one visit, or all the visits of a person, a bounded page at a time.

Invariants:
* A page reads at most `PAGE_SIZE + AHEAD` events, by the index of the visit or of the person.
* Whether it may be shown is not decided here: of a person only within an open look-up (`privacy.lookups`).
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, Literal, NamedTuple
from uuid import UUID

from django.conf import settings

from capture import journey_words
from capture.explorer import EPOCH, LAST_MOMENT, SCANNED, Place
from capture.models import Event
from leafloaf.lib import statements
from privacy import consent
from privacy.consent import Consent

PAGE_SIZE = 60
AHEAD = 200
"""Later events in which a search's clicks and purchases are looked for."""
LONGEST_VISIT = timedelta(days=1)
"""How long before a person's first event something done in the same visit is still found."""
GAP = timedelta(minutes=10)
LATE = timedelta(seconds=2)
WITHHELD = {
    "search": ("search_history", "Not shown: they do not allow that searches are kept."),
    "order": ("purchase_history", "Not shown: they do not allow that purchases are used."),
}
EVERYTHING: dict[str, str] = {}
COLUMNS = """
    xid::text::bigint, id, event_id, event_type, subject_id, session_id, occurred_at, received_at, payload::text,
    schema_version
"""

OF_SUBJECT = f"""
    SELECT {COLUMNS} FROM capture_event
    WHERE subject_id = %(subject)s::uuid AND (received_at, id) {{side}} (%(moment)s::timestamptz, %(id)s::bigint)
    ORDER BY received_at {{way}}, id {{way}} LIMIT %(limit)s
"""  # noqa: S608 (SQL of our own)
BEGINNINGS = f"""
    SELECT {COLUMNS} FROM capture_event
    WHERE session_id = ANY(%(sessions)s::text[]) AND subject_id IS NULL
      AND received_at > %(since)s AND received_at <= %(until)s
    ORDER BY received_at LIMIT %(limit)s
"""  # noqa: S608 (SQL of our own)
# Whenever it was, as the explorer sees it: an anonymous event of a shared visit is nobody's.
OWN = """
    SELECT session FROM unnest(%(sessions)s::text[]) AS visit (session) WHERE NOT EXISTS (
        SELECT FROM (
            SELECT subject_id FROM capture_event AS e WHERE e.session_id = visit.session
            ORDER BY received_at DESC LIMIT %(scanned)s
        ) AS latest WHERE subject_id <> %(subject)s::uuid
    )
"""
OF_SESSION = f"""
    SELECT {COLUMNS} FROM capture_event
    WHERE session_id = %(session)s::text AND (received_at, id) {{side}} (%(moment)s::timestamptz, %(id)s::bigint)
    ORDER BY received_at {{way}}, id {{way}} LIMIT %(limit)s
"""  # noqa: S608 (SQL of our own)
# The batches of a sink do not overlap, so the last that begins before an event is the only one that can have it.
DELIVERIES = """
    SELECT place.id, named.sink, batch.id, batch.sequence, batch.state, batch.delivered_at, letter.id, letter.state,
           coalesce((sink.cursor_xid, sink.cursor_id) >= (place.xid, place.id), false)
    FROM unnest(%(xids)s::text[]::xid8[], %(ids)s::bigint[], %(event_ids)s::text[]) AS place (xid, id, event_id)
    CROSS JOIN unnest(%(sinks)s::text[]) AS named (sink)
    LEFT JOIN capture_sink AS sink ON sink.name = named.sink
    LEFT JOIN LATERAL (
        SELECT * FROM capture_outboxbatch
        WHERE capture_outboxbatch.sink = named.sink AND NOT is_replay AND (first_xid, first_id) <= (place.xid, place.id)
        ORDER BY first_xid DESC, first_id DESC LIMIT 1
    ) AS batch ON (batch.last_xid, batch.last_id) >= (place.xid, place.id)
    LEFT JOIN capture_deadletter AS letter
      ON batch.excluded > 0 AND letter.batch_id = batch.id AND letter.event_id = place.event_id
"""


class Happened(NamedTuple):
    """An event with all that the log has of it."""

    xid: int
    id: int
    event_id: str
    event_type: str
    subject_id: UUID | None
    session_id: str | None
    occurred_at: datetime
    received_at: datetime
    content: str
    schema_version: int


@dataclass(frozen=True)
class Delivery:
    """Where one sink stands with one event; `letter` is the dead letter that it became there."""

    sink: str
    state: str
    batch: int | None = None
    sequence: int | None = None
    delivered_at: datetime | None = None
    letter: int | None = None


@dataclass
class Step:
    """One event on the way."""

    event: Happened
    payload: dict[str, Any]
    withheld: str = ""
    pause: timedelta | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    clicked: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    bought: list[str] = field(default_factory=list)

    @property
    def is_search(self) -> bool:
        return self.event.event_type == "search"

    @property
    def arrived_late(self) -> timedelta | None:
        """How long after happening it arrived, by the corrected clock; None when that is no news."""
        late = self.event.received_at - self.event.occurred_at
        return late if late > LATE else None

    @property
    def said(self) -> str:
        return self.withheld or journey_words.sentence(self.event.event_type, self.payload)

    @property
    def products(self) -> list[str]:
        return journey_words.products(self.event.event_type, self.payload)


@dataclass(frozen=True)
class Visit:
    """The steps of one session that follow one another."""

    session_id: str | None
    steps: list[Step]
    pause: timedelta | None = None

    @property
    def began_at(self) -> datetime:
        return self.steps[0].event.occurred_at

    @property
    def lasted(self) -> timedelta:
        return self.steps[-1].event.occurred_at - self.steps[0].event.occurred_at


@dataclass(frozen=True)
class Journey:
    """A page of it, the oldest first; `earlier` and `later` are where its neighbours begin."""

    visits: list[Visit]
    earlier: Place | None
    later: Place | None

    @property
    def count(self) -> int:
        return sum(len(visit.steps) for visit in self.visits)


Direction = Literal["before", "after"]


def of_subject(subject_id: UUID, place: Place | None = None, direction: Direction = "before") -> Journey:
    """What a person did, before they signed in too, as far as they allow; without a place, the latest of it."""
    read = partial(_read, OF_SUBJECT, {"subject": subject_id})
    page = _page(read, place, direction)
    return _journey(page, _beginnings(subject_id, page), withheld(consent.of(subject_id)))


def of_session(session_id: str, place: Place | None = None, direction: Direction = "before") -> Journey:
    """What happened in one visit, whoever it was."""
    return _journey(_page(partial(_read, OF_SESSION, {"session": session_id}), place, direction))


def of_event(event: Event) -> Journey:
    """An event that belongs to no visit, alone."""
    own = Happened(
        event.xid,
        event.id,
        event.event_id,
        event.event_type,
        event.subject_id,
        event.session_id,
        event.occurred_at,
        event.received_at,
        json.dumps(event.payload),
        event.schema_version,
    )
    return _journey(Page([own], None, []))


def withheld(allows: Consent) -> dict[str, str]:
    """The types of events that say nothing here, for their person does not want it kept or used, and why."""
    return {
        event_type: why for event_type, (setting, why) in WITHHELD.items() if not getattr(allows, setting)
    }


def deliveries(events: Sequence[Happened] | Sequence[Event]) -> dict[int, list[Delivery]]:
    """Where each sink that is configured stands with each of the events, by their number in the log."""
    values = {
        "xids": [str(event.xid) for event in events],
        "ids": [event.id for event in events],
        "event_ids": [event.event_id for event in events],
        "sinks": list(settings.SINKS),
    }
    found: dict[int, list[Delivery]] = {event.id: [] for event in events}
    for number, sink, batch, sequence, state, moment, letter, letter_state, is_passed in statements.fetch(
        DELIVERIES, values
    ):
        said = letter_state or state or ("not owed" if is_passed else _unsealed(sink))
        found[number].append(Delivery(sink, said, batch, sequence, moment, letter))
    order = list(settings.SINKS).index
    return {number: sorted(some, key=lambda one: order(one.sink)) for number, some in found.items()}


def _unsealed(sink: str) -> str:
    return "waiting" if settings.SINKS[sink]["ENABLED"] else "off"


@dataclass(frozen=True)
class Page:
    """Some events, the oldest first; what comes right before them, and up to `AHEAD` of what comes after."""

    events: list[Happened]
    before: Happened | None
    ahead: list[Happened]


def _page(read: Callable[..., list[Happened]], place: Place | None, direction: Direction) -> Page:
    if direction == "after":
        found = read(place, "after", PAGE_SIZE + AHEAD)
        before = read(place_of(found[0]), "before", 1) if found else []
        return Page(found[:PAGE_SIZE], next(iter(before), None), found[PAGE_SIZE:])
    found = read(place, "before", PAGE_SIZE + 1)
    events = found[PAGE_SIZE - 1 :: -1] if len(found) > PAGE_SIZE else found[::-1]
    ahead = read(place_of(events[-1]), "after", AHEAD) if place and events else []
    return Page(events, found[PAGE_SIZE] if len(found) > PAGE_SIZE else None, ahead)


def _beginnings(subject_id: UUID, page: Page) -> list[Happened]:
    """What was done in the page's visits before signing in, as far as nobody else was signed in during them.

    A visit that goes on from the page before has its beginning there.
    """
    sessions = {event.session_id for event in page.events} - {None}
    if page.before:
        sessions.discard(page.before.session_id)
    if not sessions:
        return []
    asked = {"subject": subject_id, "sessions": sorted(sessions, key=str), "scanned": SCANNED}
    own = statements.fetch(OWN, asked)
    values = {
        "sessions": [session for (session,) in own],
        "since": page.events[0].received_at - LONGEST_VISIT,
        "until": page.events[-1].received_at,
        "limit": AHEAD,
    }
    return [Happened(*row) for row in statements.fetch(BEGINNINGS, values)]


def _journey(
    page: Page, beginnings: Sequence[Happened] = (), kept_back: dict[str, str] = EVERYTHING
) -> Journey:
    if not page.events:
        return Journey([], None, None)
    return Journey(
        visits=_visits([*beginnings, *page.events], page.ahead, kept_back),
        earlier=place_of(page.events[0]) if page.before else None,
        later=place_of(page.events[-1]) if page.ahead else None,
    )


def _read(
    query: str, whose: dict[str, Any], place: Place | None, direction: Direction, limit: int
) -> list[Happened]:
    """In the order of the way that is looked: back the newest first, ahead the oldest."""
    side, way = ("<", "DESC") if direction == "before" else (">", "ASC")
    first = min(place.first, LAST_MOMENT) if place else LAST_MOMENT
    bounds = {"moment": EPOCH + timedelta(microseconds=first), "id": place.second if place else 0}
    rows = statements.fetch(query.format(side=side, way=way), whose | bounds | {"limit": limit})
    return [Happened(*row) for row in rows]


def place_of(event: Happened) -> Place:
    return Place((event.received_at - EPOCH) // timedelta(microseconds=1), event.id)


def _visits(page: list[Happened], ahead: list[Happened], kept_back: dict[str, str]) -> list[Visit]:
    steps = [_step(event, kept_back) for event in sorted(page, key=_moment)]
    _follow(steps, [_step(event, kept_back) for event in sorted(ahead, key=_moment)])
    delivered = deliveries(page)
    for step in steps:
        step.deliveries = delivered[step.event.id]
    by_session: dict[str | None, list[Step]] = {}
    for step in steps:
        by_session.setdefault(step.event.session_id, []).append(step)
    return _with_pauses(by_session)


def _step(event: Happened, kept_back: dict[str, str]) -> Step:
    why = kept_back.get(event.event_type, "")
    return Step(event, {} if why else json.loads(event.content), why)


def _moment(event: Happened) -> tuple[datetime, int]:
    """As it happened; what happened at the same moment in the order of the log."""
    return event.occurred_at, event.id


def _with_pauses(by_session: dict[str | None, list[Step]]) -> list[Visit]:
    visits: list[Visit] = []
    before: datetime | None = None
    for session_id, steps in by_session.items():
        for earlier, later in pairwise(steps):
            between = later.event.occurred_at - earlier.event.occurred_at
            later.pause = between if between >= GAP else None
        pause = steps[0].event.occurred_at - before if before else None
        visits.append(Visit(session_id, steps, pause if pause and pause >= GAP else None))
        before = steps[-1].event.occurred_at
    return visits


def _follow(steps: list[Step], ahead: list[Step]) -> None:
    """Finds for each search what was clicked and put into the cart out of it, and what of that was bought later."""
    for number, search in enumerate(steps):
        key = search.payload.get("search_id")
        if not search.is_search or not key:
            continue
        later = [*steps[number + 1 :], *ahead]
        own = [step for step in later if not step.is_search and step.payload.get("search_id") == key]
        search.clicked = _distinct(own, "interaction")
        search.added = _distinct(
            [step for step in own if step.payload.get("action") in {"add", "update"}], "cart"
        )
        touched = {*search.clicked, *search.added}
        search.bought = [sku for sku in _distinct(later, "order") if sku in touched]


def _distinct(steps: Iterable[Step], event_type: str) -> list[str]:
    """Their products, each once, in order."""
    of_type = [step for step in steps if step.event.event_type == event_type]
    return list(dict.fromkeys(sku for step in of_type for sku in step.products))
