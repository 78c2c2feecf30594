"""The log in the admin: an explorer, a page for each event, and the journey that it is part of.

Visits and people are asked for by POST, and turned into the number of one of their events: no address, and so no log of
addresses, history or referrer, ever names one. What somebody's event says is shown only while whoever looks has a
look-up of that person open (`privacy.lookups`), and is written down for the person first.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone

from capture import events, explorer, journeys, payloads
from capture.look_only import LookOnly, pretty
from capture.models import Event, OutboxBatch
from leafloaf.lib.row_numbers import row_number
from privacy import consent, lookups
from privacy.models import LookupReason, PersonLookup

LOOK_UP = "privacy.lookup_person"
NOTHING = "The log has no event with that id, and none of a visit or a pseudonym of that name."


@dataclass(frozen=True)
class Sight:
    """Whether what somebody did may be shown: it is nobody's, or whoever looks has said why, and it is written down.

    Attributes:
        person: the number of an event that says whose it is; None when it is nobody's.
    """

    is_open: bool
    person: int | None = None
    lookup: PersonLookup | None = None


class Unreadable(ValueError):
    """A filter's value is none; the text says which."""


class EventAdmin(LookOnly):
    """There is no date hierarchy, nor a count: either would read every partition."""

    def get_urls(self) -> list[URLPattern]:
        journey = self.admin_site.admin_view(self.journey_view)
        return [path("<int:number>/journey/", journey, name="capture_event_journey"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The explorer; by POST it looks for an event id, a visit or a pseudonym."""
        self._check(request)
        if request.method == "POST":
            return HttpResponseRedirect(self._address_of(request))
        try:
            wanted, anchor = chosen(request.GET)
            refusal = ""
        except Unreadable as error:
            wanted, anchor, refusal = explorer.Wanted(), None, str(error)
        sight = self._sight(request, anchor, "Events") if wanted.is_of_somebody else Sight(True)
        if wanted.session_id and sight.lookup:
            wanted = replace(wanted, only_of=sight.lookup.subject_id)
        context = {
            "title": "Events",
            "types": list(events.TYPES),
            "wanted": wanted,
            "refusal": refusal,
            "anchor": anchor,
            "sight": sight,
            "page": (page := explorer.page(wanted) if sight.is_open else None),
            "kept": kept(request.GET),
            "is_first": "after" not in request.GET,
            "next_page": with_place(request.GET, page.next) if page and page.next else "",
            "scanned": explorer.SCANNED,
        }
        return self._page(request, "capture/explorer.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One event: what the log has of it, and where it was delivered."""
        self._check(request)
        if request.method == "POST":
            raise PermissionDenied
        event = self._event(object_id)
        sight = self._sight(request, event, "One event")
        context = {
            "title": f"{event.event_type.replace('_', ' ').capitalize()} event",
            "event": event,
            "sight": sight,
            "withheld": (withheld := withheld_from(event, sight)),
            "payload": pretty(event.payload) if sight.is_open and not withheld else "",
            "shape": payloads.shape(event.payload),
            "deliveries": journeys.deliveries([event])[event.id],
        }
        return self._page(request, "capture/event.html", context)

    def journey_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """The visit of an event, or everything that its person did."""
        self._check(request)
        event = self._event(str(number))
        sight = self._sight(request, event, "Journey")
        context = {
            "title": "Journey",
            "event": event,
            "sight": sight,
            "journey": _journey(event, sight, *direction(request.GET)) if sight.is_open else None,
            "is_latest": not request.GET,
        }
        return self._page(request, "capture/journey.html", context)

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "subtitle": None,
            "may_look_up": request.user.has_perm(LOOK_UP),
            "look_up": _address("admin:people_open"),
            "usual_reasons": LookupReason.choices,
        }
        return TemplateResponse(request, template, shared | context)

    def _event(self, number: str) -> Event:
        event = explorer.event(known) if (known := row_number(number)) else None
        if event is None:
            raise Http404("The log has no such event, or has it no more.")
        return event

    def _sight(self, request: HttpRequest, event: Event | None, page: str) -> Sight:
        """Writes down, before anything is shown, that somebody looks at the person whose event this is."""
        person = explorer.whose(event) if event else None
        if person is None:
            return Sight(True)
        number, subject_id = person
        user = request.user
        lookup = lookups.current(user.get_username(), subject_id) if user.has_perm(LOOK_UP) else None
        if lookup and lookups.seen(lookup, page):
            return Sight(True, number, lookup)
        return Sight(False, number)

    def _address_of(self, request: HttpRequest) -> str:
        """Where what was typed leads; nothing of it is in there."""
        here = reverse("admin:capture_event_changelist")
        typed = request.POST.get("wanted", "").strip()[:128]
        if not typed:
            return here
        if row := explorer.found(typed):
            return reverse("admin:capture_event_change", args=[row.id])
        if row := explorer.latest_of_session(typed):
            return f"{here}?visit_of={row.id}"
        if (subject_id := as_uuid(typed)) and (row := explorer.latest_of_subject(subject_id)):
            return f"{here}?person_of={row.id}"
        messages.warning(request, NOTHING)
        return here


def withheld_from(event: Event, sight: Sight) -> str:
    """Why what an event of somebody says is not shown in spite of the look-up; empty when it is."""
    if sight.lookup is None or sight.lookup.subject_id is None:
        return ""
    return journeys.withheld(consent.of(sight.lookup.subject_id)).get(event.event_type, "")


def _journey(
    event: Event, sight: Sight, place: explorer.Place | None, way: journeys.Direction
) -> journeys.Journey:
    if sight.lookup and sight.lookup.subject_id:
        return journeys.of_subject(sight.lookup.subject_id, place, way)
    if event.session_id:
        return journeys.of_session(event.session_id, place, way)
    return journeys.of_event(event)


def direction(asked: QueryDict) -> tuple[explorer.Place | None, journeys.Direction]:
    if after := asked.get("after"):
        return placed(after), "after"
    return placed(asked.get("before", "")), "before"


def chosen(asked: QueryDict) -> tuple[explorer.Wanted, Event | None]:
    """What the address asks for, and the event that stands for a visit or a person in it.

    Raises:
        Unreadable: see there.
    """
    anchor = anchored(asked)
    event_type = asked.get("event_type", "")
    wanted = explorer.Wanted(
        event_type=event_type if event_type in events.TYPES else "",
        since=moment(asked.get("since", "")),
        until=moment(asked.get("until", "")),
        batch=batch_of(asked.get("batch", "")),
        after=placed(asked.get("after", "")) or explorer.START,
    )
    if anchor is None:
        return wanted, None
    if "person_of" in asked and anchor.subject_id:
        return replace(wanted, subject_id=anchor.subject_id), anchor
    if anchor.session_id:
        return replace(wanted, session_id=anchor.session_id), anchor
    raise Unreadable("That event belongs to no visit.")


def anchored(asked: QueryDict) -> Event | None:
    number = asked.get("person_of") or asked.get("visit_of") or ""
    if not number:
        return None
    event = explorer.event(known) if (known := row_number(number)) else None
    if event is None:
        raise Unreadable("The event that stood for this visit or person is no longer in the log.")
    return event


def batch_of(number: str) -> OutboxBatch | None:
    if not number:
        return None
    batch = OutboxBatch.objects.filter(pk=row_number(number) or 0).first()
    if batch is None:
        raise Unreadable("There is no such batch, or not any more.")
    return batch


def moment(text: str) -> datetime | None:
    """A time as the form sends it, on the shop's wall clock, or with a zone of its own."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
        return timezone.localtime(read if timezone.is_aware(read) else timezone.make_aware(read))
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"“{text[:40]}” is not a time such as 2026-11-20 14:00.") from error


def placed(text: str) -> explorer.Place | None:
    first, _, second = text.partition("-")
    xid, number = row_number(first), row_number(second)
    return None if xid is None or number is None else explorer.Place(xid, number)


def kept(asked: QueryDict) -> str:
    """The filters of the address without where its page begins."""
    return urlencode([(name, value) for name, value in asked.items() if name != "after"])


def with_place(asked: QueryDict, place: explorer.Place) -> str:
    return "&".join(filter(None, (kept(asked), f"after={place}")))


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
