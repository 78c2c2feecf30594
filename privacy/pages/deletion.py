"""Asking to be erased, following it, and the certificate at its end."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from privacy.erasure import certificate, requests
from privacy.erasure.requests import StoreProgress
from privacy.forms import DeletionForm
from privacy.models import Actor, Certificate, DeletionRequest
from privacy.pages.base import PersonPage
from privacy.words import WORDS

STATES = DeletionRequest.State


class DeletionPage(PersonPage):
    """What being erased means and the form to ask for it or, once it was asked for, how far it is."""

    is_for_erased = True

    def get(self, request: HttpRequest) -> HttpResponse:
        if (open_request := self.person.request) is not None:
            return self.progress(open_request)
        return self.form(DeletionForm(self.language, initial={"wait": 1}))

    def post(self, request: HttpRequest) -> HttpResponse:
        if self.person.subject is None or not self.person.is_active:
            return self.go("deletion")
        form = DeletionForm(self.language, request.POST)
        if not form.is_valid():
            return self.form(form, 422)
        wait = timedelta(days=form.cleaned_data["wait"])
        requests.open_for(self.person.subject.user_id, Actor.USER, wait)
        return self.go("deletion", "deletion.asked")

    def form(self, form: DeletionForm, status: int = 200) -> HttpResponse:
        return self.show("deletion", status, form=form, days=DeletionForm.DAYS, past=self.past())

    def past(self) -> list[dict[str, Any]]:
        """Requests that ended."""
        subject = self.person.subject
        found = requests.of_user(subject.user_id) if subject else []
        return [told(one, timezone.now()) for one in found if STATES(one.state).is_terminal]

    def progress(self, request: DeletionRequest) -> HttpResponse:
        stores = [store_told(self.language, store) for store in requests.progress(request)]
        waits = bool(request.question) or any(store["needs_attention"] for store in stores)
        issued = Certificate.objects.filter(request=request).first()
        return self.show(
            "request",
            **told(request, timezone.now()),
            stores=stores,
            waits=waits,
            certificate=issued,
            checking_page=reverse("privacy-certificate"),
            may_be_expedited=request.state in {STATES.FENCED, STATES.COOLING_OFF},
        )


def told(request: DeletionRequest, now: datetime) -> dict[str, Any]:
    state = STATES(request.state)
    return {
        "deletion": request,
        "sentence": f"request.{state.value}",
        "may_be_cancelled": state.may_be_cancelled,
        "has_ended": state.is_terminal,
        "is_late": not state.is_terminal and now > request.due_at,
    }


def store_told(language: str, store: StoreProgress) -> dict[str, Any]:
    """One place, in the person's words; a place without any is called as staff call it."""
    key = f"store.{store.store}"
    return {
        "title": WORDS[language].get(key, store.title),
        "state": store.state,
        "sentence": f"step.{store.state}",
        "removed": store.removed,
        "verified_at": store.verified_at,
        "residual_until": store.residual_until,
        "needs_attention": bool(store.needs_attention),
        "is_held": store.held,
    }


class DecisionPage(PersonPage, ABC):
    """A decision about the request that is open; it is made by a form on its page."""

    is_for_erased = True
    said: ClassVar[str]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.go("deletion")

    def post(self, request: HttpRequest) -> HttpResponse:
        if self.person.request is None:
            return self.go("deletion")
        try:
            self.decide(self.person.request.pk)
        except requests.TooLate:
            return self.go("deletion", "request.late.said")
        return self.go("deletion", self.said)

    @abstractmethod
    def decide(self, request_id: UUID) -> DeletionRequest:
        """
        Raises:
            requests.TooLate: it can no longer be decided.
        """


class CancelPage(DecisionPage):
    said = "request.cancelled.said"

    def decide(self, request_id: UUID) -> DeletionRequest:
        return requests.cancel(request_id)


class ExpeditePage(DecisionPage):
    said = "request.expedited.said"

    def decide(self, request_id: UUID) -> DeletionRequest:
        return requests.expedite(request_id)


class CertificatePage(PersonPage):
    """The certificate as a file; there may be one of an earlier erasure."""

    is_for_erased = True

    def get(self, request: HttpRequest, request_id: UUID) -> HttpResponse:
        if not self.is_own(request_id) or not (found := Certificate.objects.filter(pk=request_id).first()):
            return self.go("deletion")
        name = f'attachment; filename="leafloaf-certificate-{found.pk}.json"'
        return HttpResponse(
            certificate.as_file(found),
            content_type="application/json",
            headers={"Content-Disposition": name, "X-Content-Type-Options": "nosniff"},
        )

    def is_own(self, request_id: UUID) -> bool:
        if self.person.request and self.person.request.pk == request_id:
            return True
        subject = self.person.subject
        return subject is not None and any(one.pk == request_id for one in requests.of_user(subject.user_id))
