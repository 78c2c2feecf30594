"""What all of the pages share: language, headers, and who is signed in."""

from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.views import View

from leafloaf.access.throttling import pages as limits
from privacy import gpc, words
from privacy.pages import languages, people, sessions
from privacy.pages.people import Person
from privacy.pages.sessions import SAID, PersonSession

NAVIGATION = ("home", "settings", "export", "deletion", "accesses", "history")
OTHER_LANGUAGES = {"en": ("fr", "Français"), "fr": ("en", "English")}


class Page(View):
    """A page that anybody may see."""

    language: str = words.DEFAULT

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.language = languages.of(request)
        with translation.override(self.language):
            wait = limits.count(request, self.whose(request))
            response = self.slow_down(request, wait) if wait else self.answer(request, *args, **kwargs)
        guard(response)
        if isinstance(response, HttpResponse):
            languages.remember(request, response, self.language)
        return response

    def whose(self, request: HttpRequest) -> str | None:
        """By what name the limits of whoever is signed in are counted; None for everybody's page."""
        return None

    def slow_down(self, request: HttpRequest, wait: int) -> HttpResponse:
        """Instead of the page, before anything was done: no link is used up, no form taken, no session prolonged."""
        again = request.get_full_path() if request.method in limits.SAFE_METHODS else ""
        response = show(request, self.language, "busy", 429, wait=wait, again=again)
        response.headers["Retry-After"] = str(wait)
        return response

    def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)

    def say(self, key: str, **values: object) -> str:
        return words.say(self.language, key, **values)

    def show(self, template: str, status: int = 200, **context: Any) -> HttpResponse:
        return show(self.request, self.language, template, status, **context)


class PersonPage(Page):
    """A page of whoever is signed in; who is being erased, or was, sees the one about that instead."""

    is_for_erased: ClassVar[bool] = False
    session: PersonSession
    person: Person

    def whose(self, request: HttpRequest) -> str | None:
        session = sessions.find(request)
        person = people.of_session(session) if session else None
        if session is None or person is None:
            return None
        self.session, self.person = session, person
        return person.name

    def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not hasattr(self, "person"):
            return self.turn_away(request)
        if not (self.person.is_active or self.is_for_erased):
            response: HttpResponseBase = self.go("deletion")
        else:
            response = super().answer(request, *args, **kwargs)
        if isinstance(response, HttpResponse):
            sessions.go_on(response, self.session)
        return response

    def turn_away(self, request: HttpRequest) -> HttpResponse:
        """Says how to get in; a form that was sent is not answered as if it had been accepted."""
        home = reverse("person-home")
        if request.method in {"GET", "HEAD"} and request.path != home:
            return HttpResponseRedirect(home)
        is_home = request.method in {"GET", "HEAD"}
        response = self.show("closed", status=200 if is_home else 403)
        if sessions.COOKIE in request.COOKIES:
            sessions.end(request, response)
        return response

    def go(self, name: str, said: str = "") -> HttpResponse:
        """To another page, which then says this."""
        if said:
            self.session[SAID] = said
        return HttpResponseRedirect(reverse(f"person-{name}"))

    def show(self, template: str, status: int = 200, **context: Any) -> HttpResponse:
        signed_in = {"session": True, "person": self.person} if hasattr(self, "person") else {}
        said = self.session.pop(SAID, "") if signed_in else ""
        return super().show(template, status, said=said, **signed_in, **context)


def show(
    request: HttpRequest, language: str, template: str, status: int = 200, **context: Any
) -> HttpResponse:
    """One of the templates, with what every page needs."""
    code, name = OTHER_LANGUAGES[language]
    shared = {
        "language": language,
        "other_language": code,
        "other_language_name": name,
        "page": template,
        "navigation": [(name, f"{name}.nav", reverse(f"person-{name}")) for name in NAVIGATION],
        "has_gpc": gpc.is_on(request),
        "zone": settings.TIME_ZONE.replace("_", " "),
    }
    return render(request, f"privacy/pages/{template}.html", shared | context, status=status)


def guard(response: HttpResponseBase) -> None:
    """Nobody keeps the page or learns its address; `leafloaf.headers` keeps anybody from framing or scripting it.

    Not `no-referrer`: browsers then send `Origin: null` with a form, and the check of its origin would refuse it.
    """
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Vary"] = "Accept-Language, Cookie"
