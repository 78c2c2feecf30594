"""*Deletion requests*: support's queue, and what can be done with each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.utils import timezone

from privacy import deletion_queue, holders
from privacy.erasure import requests
from privacy.models import Certificate, DeletionRequest, DeletionStep

CHANGE = "privacy.change_deletionrequest"
ASK = "privacy.add_deletionrequest"
APPROVE = "privacy.approve_deletionrequest"


@dataclass(frozen=True)
class Headline:
    """The dashboard in one line."""

    state: str
    sentence: str


class DeletionRequests:
    """The queue; with `?request=` one of them, store by store."""

    title = "Deletion requests"
    slug = "deletion-requests"
    permission = "privacy.view_deletionrequest"
    template_name = "privacy/deletion_requests.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        now = timezone.now()
        waiting, ended = deletion_queue.waiting(now), deletion_queue.ended(now)
        stores = deletion_queue.stores([*waiting, *ended])
        chosen = self._chosen(request)
        return {
            "waiting": deletion_queue.in_columns(waiting, stores),
            "ended": deletion_queue.in_columns(ended, stores),
            "stores": stores,
            "alarms": deletion_queue.alarms(waiting),
            "metrics": deletion_queue.metrics(now),
            "residuals": deletion_queue.residuals(now),
            "chosen": chosen,
            "steps": [(holders_title(step), step) for step in chosen.steps.all()] if chosen else [],
            "certificate": Certificate.objects.filter(pk=chosen.pk).first() if chosen else None,
            "may_ask": request.user.has_perm(ASK),
            "may_change": request.user.has_perm(CHANGE),
            "may_approve": request.user.has_perm(APPROVE) and may_be_second(chosen, request),
        }

    def _chosen(self, request: HttpRequest) -> DeletionRequest | None:
        try:
            wanted = UUID(request.GET.get("request", ""))
        except ValueError:
            return None
        return DeletionRequest.objects.filter(pk=wanted).first()

    def headline(self, request: HttpRequest) -> Headline:
        rows = deletion_queue.waiting(timezone.now())
        if alarms := deletion_queue.alarms(rows):
            return Headline("unhealthy", alarms[0])
        waits = [row for row in rows if row.needs_attention]
        if waits:
            return Headline("degraded", f"{len(waits)} of {len(rows)} need somebody to look at them")
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


def holders_title(step: DeletionStep) -> str:
    """What the holder is called; its name when it is configured no more."""
    try:
        return holders.get(step.holder).title
    except KeyError:
        return step.holder


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
    text = request.POST.get("step", "")
    if text.isdecimal() and DeletionStep.objects.filter(pk=int(text)).exists():
        return int(text)
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
}
