"""What the log has of the person: the latest events by visit, and one visit from its beginning.

Paged by place in the log, so that no page counts what is on the others. Searches of who does not want them kept, and
orders of who does not want theirs used, say what they are and no more, though the log may have some of before.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from capture.models import Event
from leafloaf.catalog import products
from leafloaf.lib.row_numbers import row_number
from leafloaf.staff.people.pages import Visit
from privacy.consent import Consent

A_PAGE, MOST_OF_VISIT = 50, 200
MOST_NAMED = 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MAY_SEE_EVENTS = "capture.view_event"
WITHHELD = {
    "search": ("search_history", "Not shown: they do not allow that searches are kept."),
    "order": ("purchase_history", "Not shown: they do not allow that purchases are used."),
}
"""The setting that each of these types needs, and what is said without it."""
DONE = {
    "product_view": "looked at",
    "product_click": "clicked",
    "add_to_list": "put on a list",
    "rating": "rated",
}
CART = {"add": "put into the cart", "remove": "taken out of the cart", "update": "changed in the cart"}

Payload = Mapping[str, Any]
Names = Mapping[str, str]


@dataclass(frozen=True)
class Happening:
    """One event in a line."""

    event: Event
    title: str
    said: str
    is_withheld: bool = False


@dataclass(frozen=True)
class Stay:
    """Events of one visit that follow each other; without an id they have no visit."""

    session_id: str | None
    happenings: list[Happening]

    @property
    def latest(self) -> datetime:
        return max(one.event.occurred_at for one in self.happenings)

    @property
    def earliest(self) -> datetime:
        return min(one.event.occurred_at for one in self.happenings)


def context(visit: Visit, request: HttpRequest) -> dict[str, Any]:
    found = Event.objects.filter(subject_id=visit.subject.pk).order_by("-received_at", "-id")
    before = place_of(request.GET.get("before", ""))
    if before:
        found = found.filter(earlier(*before))
    events = list(found[: A_PAGE + 1])
    shown = events[:A_PAGE]
    happenings = told(shown, visit.allows)
    return {
        "stays": stays(happenings),
        "older": place_in(shown[-1]) if len(events) > A_PAGE else "",
        "is_first": before is None,
        "allows": visit.allows,
        "may_see_events": request.user.has_perm(MAY_SEE_EVENTS),
    }


def visit_context(visit: Visit, request: HttpRequest, event: int) -> dict[str, Any]:
    """The visit that an event of the person belongs to, with what they did in it before they were known.

    Raises:
        Http404: it is no event of theirs.
    """
    mine = Event.objects.filter(pk=event, subject_id=visit.subject.pk).first()
    if mine is None:
        raise Http404("This person has no such event.")
    events = list(of_visit(mine)[: MOST_OF_VISIT + 1])
    return {
        "happenings": told(events[:MOST_OF_VISIT], visit.allows),
        "is_cut": len(events) > MOST_OF_VISIT,
        "most": MOST_OF_VISIT,
        "mine": mine,
        "allows": visit.allows,
        "may_see_events": request.user.has_perm(MAY_SEE_EVENTS),
    }


def of_visit(event: Event) -> QuerySet[Event]:
    """Theirs; and nobody's, as far as nobody else was signed in during the visit."""
    if event.session_id is None:
        return Event.objects.filter(pk=event.pk, subject_id=event.subject_id)
    same = Event.objects.filter(session_id=event.session_id)
    is_shared = same.filter(subject_id__isnull=False).exclude(subject_id=event.subject_id).exists()
    own = Q(subject_id=event.subject_id)
    return same.filter(own if is_shared else own | Q(subject_id=None)).order_by("received_at", "id")


def place_in(event: Event) -> str:
    """Where an event is in the log, as it stands in an address: microseconds since 1970, and its number."""
    return f"{(event.received_at - EPOCH) // MICROSECOND}-{event.pk}"


def place_of(text: str) -> tuple[datetime, int] | None:
    """The same back; None for anything else."""
    microseconds, _, number = text.partition("-")
    since, place = row_number(microseconds), row_number(number)
    if since is None or place is None:
        return None
    try:
        return EPOCH + since * MICROSECOND, place
    except OverflowError:
        return None


def earlier(received_at: datetime, number: int) -> Q:
    """The bound alone would do for the answer; it is said twice for the planner to leave out later days."""
    return Q(received_at__lte=received_at) & (Q(received_at__lt=received_at) | Q(pk__lt=number))


def stays(happenings: Iterable[Happening]) -> list[Stay]:
    return [
        Stay(session_id, list(some))
        for session_id, some in groupby(happenings, lambda one: one.event.session_id)
    ]


def told(events: Sequence[Event], allows: Consent) -> list[Happening]:
    """Each event in words, with the names of the products in it from one statement."""
    skus = {sku for event in events for sku in skus_of(event.payload)[:MOST_NAMED]}
    known = products.listings(skus) if skus else {}
    names = {sku: listing.name for sku, listing in known.items()}
    return [happening(event, names, allows) for event in events]


def happening(event: Event, names: Names, allows: Consent) -> Happening:
    title = event.event_type.replace("_", " ").capitalize()
    setting, why = WITHHELD.get(event.event_type, ("", ""))
    if setting and not getattr(allows, setting):
        return Happening(event, title, why, is_withheld=True)
    tell = TELLERS.get(event.event_type)
    return Happening(event, title, tell(event.payload, names) if tell else "")


def skus_of(payload: Payload) -> list[str]:
    """The products that an event names."""
    items = [item.get("product_id") for item in payload.get("items") or ()]
    return [sku for sku in (payload.get("product_id"), *items, *(payload.get("product_ids") or ())) if sku]


def listed(payload: Payload, names: Names) -> str:
    skus = skus_of(payload)
    more = f" and {len(skus) - MOST_NAMED} more" if len(skus) > MOST_NAMED else ""
    return ", ".join(names.get(sku, sku) for sku in skus[:MOST_NAMED]) + more


def of_search(payload: Payload, names: Names) -> str:
    count = payload.get("results_count")
    return f"“{payload.get('query', '')}”" + ("" if count is None else f", {count} found")


def of_interaction(payload: Payload, names: Names) -> str:
    done = DONE.get(str(payload.get("interaction_type")), "")
    stars = f", {payload['rating']:g} stars" if payload.get("rating") is not None else ""
    return f"{listed(payload, names)}: {done}{stars}"


def of_cart(payload: Payload, names: Names) -> str:
    return f"{payload.get('quantity')} × {listed(payload, names)}: {CART.get(str(payload.get('action')), '')}"


def of_order(payload: Payload, names: Names) -> str:
    total = payload.get("total_value")
    return listed(payload, names) + (
        "" if total is None else f"; {total} {payload.get('currency') or ''}".rstrip()
    )


def of_impression(payload: Payload, names: Names) -> str:
    return f"{listed(payload, names)}; on {payload.get('surface')}"


TELLERS: dict[str, Callable[[Payload, Names], str]] = {
    "search": of_search,
    "interaction": of_interaction,
    "cart": of_cart,
    "order": of_order,
    "recommendation_impression": of_impression,
}
