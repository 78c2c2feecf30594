"""Being signed in to one's privacy page: a session and a cookie of its own, apart from those of staff.

It refers to the link that was used, and to the deletion request once there is one; neither says who the person is, and
the link goes with the person.
"""

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse

from privacy.models import PrivacyLink

COOKIE = "leafloaf_privacy"
PATH = "/privacy/"
SECONDS = 30 * 60
"""From the last visit on."""
ENTRY, REQUEST, SAID = "entry", "request", "said"


class PersonSession(SessionStore):
    """Signed under the name of this class: the session of staff cannot be read as one of these, nor the reverse."""


def find(request: HttpRequest) -> PersonSession | None:
    """The session that the browser has, if it is still open."""
    session = PersonSession(request.COOKIES.get(COOKIE) or None)
    return session if ENTRY in session else None


def begin(request: HttpRequest, response: HttpResponse, link: PrivacyLink) -> None:
    """A new session under a new key; whatever the browser had before ends."""
    PersonSession.clear_expired()
    end(request, response)
    session = PersonSession()
    session[ENTRY] = bytes(link.token_hash).hex()
    session.set_expiry(SECONDS)
    session.create()
    hand_out(response, session)


def go_on(response: HttpResponse, session: PersonSession) -> None:
    """The half hour begins anew."""
    with suppress(UpdateError):  # it was ended in the meantime, by another page
        session.save()
        hand_out(response, session)


def end(request: HttpRequest, response: HttpResponse) -> None:
    if session := find(request):
        session.delete()
    response.delete_cookie(COOKIE, path=PATH, samesite="Lax")


def hand_out(response: HttpResponse, session: PersonSession) -> None:
    options: dict[str, Any] = {"path": PATH, "httponly": True, "samesite": "Lax"}
    response.set_cookie(
        COOKIE, session.session_key or "", max_age=SECONDS, secure=settings.SESSION_COOKIE_SECURE, **options
    )
