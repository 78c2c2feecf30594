"""What the admin's index tells: what is wrong, gathered from the dashboards that the request's user may see.

A dashboard that fails is shown as such and takes nothing else down with it.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from leafloaf.access.models import AuditEntry
from leafloaf.lib.headlines import Headline, Problem
from leafloaf.staff import dashboards
from leafloaf.staff.dashboards import Dashboard

logger = logging.getLogger(__name__)

SEE_AUDIT = "access.view_auditentry"
RECENT = 10
MOST_PROBLEMS = 12
"""Listed; the others are counted, and are on their own pages."""
UNEXPECTED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    DatabaseError,
    InterfaceError,
    LookupError,
    NoReverseMatch,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Card:
    """One dashboard in one line."""

    dashboard: Dashboard
    headline: Headline | None = None
    problems: list[Problem] = field(default_factory=list)
    is_unreadable: bool = False

    @property
    def state(self) -> str:
        if self.is_unreadable:
            return "unknown"
        return self.headline.state if self.headline else ""


@dataclass(frozen=True)
class Overview:
    """Everything that the index writes down above its lists."""

    cards: list[Card]
    problems: list[Problem]
    looked_at: datetime
    audit: list[AuditEntry] | None
    """None for who may not see it."""

    @property
    def more(self) -> int:
        return sum(len(card.problems) for card in self.cards) - len(self.problems)

    @property
    def silent(self) -> list[str]:
        """The dashboards that do not know how things are."""
        return [card.dashboard.title for card in self.cards if card.state == "unknown"]


def gather(request: HttpRequest, now: datetime | None = None) -> Overview:
    cards = [read(found, request) for found in dashboards.visible(request)]
    problems = ordered(problem for card in cards for problem in card.problems)
    return Overview(cards, problems[:MOST_PROBLEMS], now or datetime.now(UTC), recent_audit(request))


def read(dashboard: Dashboard, request: HttpRequest) -> Card:
    address = reverse("admin:dashboard", args=[dashboard.slug])
    try:
        told = dashboards.headline(dashboard, request)
        return Card(dashboard, told, problems_of(dashboard, told, address, request))
    except UNEXPECTED:
        logger.exception("The dashboard %s could not be read.", dashboard.slug)
        said = f"{dashboard.title} could not be read; the log of the web server says why."
        return Card(
            dashboard,
            problems=[Problem("unhealthy", said, None, f"Open {dashboard.title}", address)],
            is_unreadable=True,
        )


def problems_of(
    dashboard: Dashboard, told: Headline | None, address: str, request: HttpRequest
) -> list[Problem]:
    """What it says is wrong; of one that has no list of problems, its headline when that is bad."""
    if isinstance(dashboard, dashboards.HasProblems):
        return list(dashboard.problems(request))
    if told is None or (state := ailing(told.state)) is None:
        return []
    said = f"{dashboard.title}: {told.sentence[:1].lower()}{told.sentence[1:]}"
    return [Problem(state, said, None, f"Open {dashboard.title}", address)]


def ailing(state: str) -> Literal["unhealthy", "degraded"] | None:
    if state == "unhealthy":
        return "unhealthy"
    return "degraded" if state == "degraded" else None


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Unhealthy first, then what has been so for longest."""
    return sorted(problems, key=lambda one: (one.state != "unhealthy", one.since or LATEST))


def recent_audit(request: HttpRequest) -> list[AuditEntry] | None:
    """By the primary key; no count, and no more than are shown."""
    if not request.user.has_perm(SEE_AUDIT):
        return None
    return list(AuditEntry.objects.order_by("-id")[:RECENT])
