"""*Deletion status*: support's queue, what can be done with each request, and how long erasing takes."""

from collections.abc import Callable
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from leafloaf.lib.headlines import Headline, Problem
from leafloaf.lib.row_numbers import row_number
from privacy import deletion_metrics, deletion_problems, deletion_queue, holders, residual_calendar
from privacy.deletion_queue import Queued
from privacy.erasure import requests
from privacy.models import Certificate, DeletionRequest, DeletionStep

CHANGE = "privacy.change_deletionrequest"
ASK = "privacy.add_deletionrequest"
APPROVE = "privacy.approve_deletionrequest"
FIRST_YEAR, LAST_YEAR = 2000, 2999
"""Of a day in an address: calendars end before `date` does."""


class DeletionRequests:
    """The queue; with `?request=` one of them, store by store; with `?rows=` what is behind a number."""

    title = "Deletion status"
    slug = "deletion-requests"
    permission = "privacy.view_deletionrequest"
    template_name = "privacy/deletion_requests.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        now = timezone.now()
        chosen_range = deletion_metrics.chosen_range(request.GET.get("range", ""))
        waiting, ended = deletion_queue.waiting(now), deletion_queue.ended(now)
        stores = deletion_queue.stores([*waiting, *ended])
        listed = deletion_queue.listed(
            request.GET.get("rows", ""), now - chosen_range.span, now, day_of(request)
        )
        report = deletion_metrics.report(chosen_range, now)
        return {
            "now": now,
            "ranges": deletion_metrics.RANGES,
            "range": chosen_range,
            "waiting": deletion_queue.in_columns(waiting, stores),
            "is_cut": len(waiting) >= deletion_queue.SHOWN,
            "ended": deletion_queue.in_columns(ended, stores),
            "stores": stores,
            "by_store": deletion_queue.by_store(waiting),
            "problems": deletion_problems.problems(waiting, ""),
            "metrics": report.total,
            "report": report,
            "overdue": sum(row.is_late for row in waiting),
            "residuals": residual_calendar.read(now),
            "listed": listed,
            "listed_stores": (columns := deletion_queue.stores(listed.rows) if listed else []),
            "listed_rows": deletion_queue.in_columns(listed.rows, columns) if listed else [],
            **self._about_chosen(request),
        }

    def _about_chosen(self, request: HttpRequest) -> dict[str, Any]:
        chosen = self._chosen(request)
        return {
            "chosen": chosen,
            "steps": shown_steps(chosen) if chosen else [],
            "certificate": Certificate.objects.filter(pk=chosen.pk).first() if chosen else None,
            "may_ask": request.user.has_perm(ASK),
            "may_change": request.user.has_perm(CHANGE),
            "may_give_up": request.user.has_perm(APPROVE),
            "may_approve": request.user.has_perm(APPROVE) and may_be_second(chosen, request),
        }

    def _chosen(self, request: HttpRequest) -> DeletionRequest | None:
        try:
            wanted = UUID(request.GET.get("request", ""))
        except ValueError:
            return None
        return DeletionRequest.objects.filter(pk=wanted).first()

    @cached_property
    def _waiting(self) -> list[Queued]:
        """Read once for the headline and the problems: there is a dashboard for each request."""
        return deletion_queue.glanced_at(timezone.now())

    def problems(self, request: HttpRequest) -> list[Problem]:
        return deletion_problems.problems(self._waiting, reverse("admin:dashboard", args=[self.slug]))

    def headline(self, request: HttpRequest) -> Headline:
        rows = self._waiting
        if found := deletion_problems.problems(rows, ""):
            return Headline(found[0].state, said_of(found, len(rows)))
        if not rows:
            return Headline("healthy", "Nobody waits to be erased")
        return Headline("healthy", f"{len(rows)} on their way, none late")

    def act(self, request: HttpRequest) -> str:
        """What a button asks for.

        Raises:
            PermissionDenied: not by this user.
            ValidationError: it cannot be done, and why.
        """
        act = request.POST.get("act", "")
        permission, do = ACTS.get(act, (CHANGE, unknown))
        if not request.user.has_perm(permission):
            raise PermissionDenied
        try:
            return do(request, request.user.get_username())
        except (requests.TooLate, requests.SamePerson, requests.NamesThePerson, requests.NotFound) as error:
            raise ValidationError(str(error)) from error


def said_of(problems: list[Problem], waiting: int) -> str:
    if len(problems) == 1:
        return problems[0].sentence
    return f"{len(problems)} things to see to, {waiting} request{'' if waiting == 1 else 's'} on the way"


def day_of(request: HttpRequest) -> date | None:
    try:
        day = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def shown_steps(chosen: DeletionRequest) -> list[tuple[str, DeletionStep, bool]]:
    """Each with the title of its place, and whether that is out of use, so that somebody may give it up."""
    steps = chosen.steps.select_related("request")
    return [(holders.title_of(step.holder), step, requests.is_out_of_use(step)) for step in steps]


def may_be_second(chosen: DeletionRequest | None, request: HttpRequest) -> bool:
    return chosen is not None and chosen.requested_by != request.user.get_username()


def because(request: HttpRequest) -> str:
    """The reason given.

    Raises:
        ValidationError: none was.
    """
    if reason := request.POST.get("because", "").strip()[:500]:
        return reason
    raise ValidationError("Say why: it is kept with the request, and says nothing of the person.")


def wanted(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("request", ""))
    except ValueError as error:
        raise ValidationError("Choose a request first.") from error


def step_of(request: HttpRequest) -> int:
    number = row_number(request.POST.get("step"))
    if number is not None and DeletionStep.objects.filter(pk=number).exists():
        return number
    raise ValidationError("There is no such step.")


def ask(request: HttpRequest, staff: str) -> str:
    user_id = request.POST.get("user_id", "").strip()
    if not user_id or len(user_id) > 128:
        raise ValidationError("Give the shop's id of the user.")
    requests.ask_on_behalf(user_id, staff, because(request))
    return "Noted. Unless this person has asked already, it waits for somebody else to approve it."


def approve(request: HttpRequest, staff: str) -> str:
    requests.approve(wanted(request), staff)
    return "Approved. The person is fenced, and the request cools off."


def cancel(request: HttpRequest, staff: str) -> str:
    requests.cancel(wanted(request), staff)
    return "Cancelled. Everything is as it was."


def expedite(request: HttpRequest, staff: str) -> str:
    requests.expedite(wanted(request), staff)
    return "The wait is over: the worker begins within seconds."


def let_go_on(request: HttpRequest, staff: str) -> str:
    requests.let_go_on(wanted(request), staff)
    return "It goes on; everything is counted anew first."


def retry(request: HttpRequest, staff: str) -> str:
    return f"{requests.retry(step_of(request), staff).holder} is tried again within seconds."


def hold(request: HttpRequest, staff: str) -> str:
    return f"{requests.hold(step_of(request), staff, because(request)).holder} rests until it is released."


def release(request: HttpRequest, staff: str) -> str:
    return f"{requests.release(step_of(request), staff).holder} goes on."


def give_up(request: HttpRequest, staff: str) -> str:
    """
    Raises:
        ValidationError: it is not to be given up, and why.
    """
    try:
        step = requests.give_up(step_of(request), staff, because(request))
    except requests.StillInUse as error:
        raise ValidationError(str(error)) from error
    return f"{step.holder} is given up; the certificate will say so."


def unknown(request: HttpRequest, staff: str) -> str:
    raise ValidationError("This page has no such button.")


ACTS: dict[str, tuple[str, Callable[[HttpRequest, str], str]]] = {
    "ask": (ASK, ask),
    "approve": (APPROVE, approve),
    "cancel": (CHANGE, cancel),
    "expedite": (CHANGE, expedite),
    "let_go_on": (CHANGE, let_go_on),
    "retry": (CHANGE, retry),
    "hold": (CHANGE, hold),
    "release": (CHANGE, release),
    "give_up": (APPROVE, give_up),
}
