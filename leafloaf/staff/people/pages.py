"""The pages of one person.

Each is written down for them, and committed, before it is made; what cannot be written down is not shown.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from leafloaf.staff.people import opening
from personalization.signals import people
from personalization.signals.people import Person
from privacy import consent, lookups
from privacy.consent import Consent
from privacy.models import PersonLookup, Subject

logger = logging.getLogger(__name__)

GONE, UNAVAILABLE = 410, 503


@dataclass(frozen=True)
class Visit:
    """One page of one person, opened by the look-up."""

    lookup: PersonLookup
    subject: Subject
    now: datetime

    @property
    def left(self) -> float:
        """Seconds until the look-up is over."""
        return (self.lookup.expires_at - self.now).total_seconds()

    @cached_property
    def person(self) -> Person | None:
        """The person as personalization knows them, with what they allow."""
        return people.known(self.subject.user_id)

    @cached_property
    def allows(self) -> Consent:
        return consent.of(self.subject.pk)


Context = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Section:
    """One of the pages.

    Attributes:
        name: in its address.
        route: by which its address is found.
        told: what the person reads that was looked at; `privacy.words` has it in French.
    """

    name: str
    route: str
    title: str
    told: str
    template_name: str
    context: Context


@opening.allowed
def page(
    site: AdminSite,
    request: HttpRequest,
    lookup_id: UUID,
    section: Section,
    tabs: Sequence[Section],
    **of: Any,
) -> HttpResponse:
    """A section, or what is to be said in its place."""
    lookup = lookups.get(lookup_id, opening.staff(request))
    if lookup is None:
        return opening.over(request)
    try:
        is_there = lookups.seen(lookup, section.told)
    except (DatabaseError, InterfaceError) as error:
        logger.error("That somebody looks at a person could not be written down (%s).", type(error).__name__)
        return instead(site, request, "people/unwritten.html", UNAVAILABLE)
    subject_id = lookup.subject_id if is_there else None
    subject = Subject.objects.filter(pk=subject_id).first() if subject_id else None
    if subject is None:
        return instead(site, request, "people/gone.html", GONE)
    visit = Visit(lookup, subject, timezone.now())
    shown = {"section": section, "tabs": tabs, "visit": visit, **section.context(visit, request, **of)}
    return answer(site, request, section.template_name, shown)


def instead(site: AdminSite, request: HttpRequest, template: str, status: int) -> HttpResponse:
    return answer(site, request, template, {}, status)


def answer(
    site: AdminSite, request: HttpRequest, template: str, shown: dict[str, Any], status: int = 200
) -> HttpResponse:
    request.current_app = site.name
    context = {**site.each_context(request), "title": "User profile", "subtitle": None, **shown}
    return TemplateResponse(request, template, context, status=status)
