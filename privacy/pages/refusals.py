"""What is answered in the place of a page."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views import csrf

from privacy.pages import sessions
from privacy.pages.base import Page


class ForgedPage(Page):
    def answer(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        return self.show("forged", 403)


class MissingPage(Page):
    def answer(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        return self.show("missing", 404)


def forged(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """`CSRF_FAILURE_VIEW`: on the person's pages one of theirs, elsewhere Django's."""
    if request.path.startswith(sessions.PATH):
        return ForgedPage.as_view()(request)
    response: HttpResponse = csrf.csrf_failure(request, reason)
    return response
