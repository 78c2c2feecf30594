"""Getting in and out."""

from datetime import UTC, datetime

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt

from leafloaf.access import tokens
from leafloaf.access.keys import Caller
from privacy import links
from privacy.pages import sessions
from privacy.pages.base import Page


@method_decorator(csrf_exempt, name="dispatch")
class EnterPage(Page):
    """Takes a user token from a form of the shop's front end, and answers with a link as the shop could have made it.

    Exempt from the CSRF check, for the form stands on the shop's pages; nobody is signed in before they press the
    button of the page that follows, which is not exempt.
    """

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("person-home"))

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            caller = tokens.caller_of(request.POST.get("token", ""), datetime.now(UTC))
        except tokens.Refused:
            return self.show("refused", 403)
        if caller.user_id is None or not may_come_from(request, caller):
            return self.show("refused", 403)
        token, _ = links.make(caller.user_id)
        return HttpResponseRedirect(reverse("person-open", args=[token]))


class OpenPage(Page):
    """What a link leads to: one button. Mail scanners and browsers that look ahead press none, and use nothing up."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        if (until := links.until(token)) is None:
            return self.show("void", 410)
        return self.show("enter", until=until)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        with transaction.atomic():
            if (link := links.use(token)) is None:
                return self.show("void", 410)
            response = HttpResponseRedirect(reverse("person-home"))
            sessions.begin(request, response, link)
        rotate_token(request)
        return response


class LeavePage(Page):
    """Signs out."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("person-home"))

    def post(self, request: HttpRequest) -> HttpResponse:
        response = self.show("left")
        sessions.end(request, response)
        return response


def may_come_from(request: HttpRequest, caller: Caller) -> bool:
    """Whether the form stands where the shop's tokens may be used from (`access.permissions.HasScope`)."""
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.get_host()}"
    return not origin or origin == own or caller.may_be_used_from(origin)
