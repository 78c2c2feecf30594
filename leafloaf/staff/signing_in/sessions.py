"""When a session of staff ends: half an hour after the last page, and a working day after the password.

The password opens a session that can do nothing where a second factor is owed; `is_through` is what the admin asks.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, logout
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY, login

from leafloaf.staff.signing_in import known_browsers, second_factor

ADMIN = "/admin/"
BEGAN, SEEN, OWED = "staff_began", "staff_seen", "staff_second_factor_owed"
WRITTEN_EVERY = timedelta(minutes=1)
ENDED = "You were signed out, because {}. Sign in to go on."


def begin(request: HttpRequest, **_: Any) -> None:
    """Django's `user_logged_in`."""
    request.session[BEGAN] = request.session[SEEN] = timezone.now().timestamp()


def owe_second_factor(request: HttpRequest) -> None:
    """After the password: who has an app must show its code, whether or not the shop asks everybody for one."""
    if DEVICE_ID_SESSION_KEY not in request.session and second_factor.app_of(request.user):  # type: ignore[arg-type]
        request.session[OWED] = True


def go_through(request: HttpRequest, device: second_factor.Device) -> None:
    """The session has shown both; under a new key, so that one that was known before is worth nothing."""
    login(request, device)
    request.session.pop(OWED, None)
    request.session.cycle_key()


def is_through(request: HttpRequest) -> bool:
    if getattr(request.user, "otp_device", None) is not None:
        return True
    session = getattr(request, "session", {})
    return not settings.STAFF_TWO_FACTOR and OWED not in session


class StaffSessionMiddleware:
    """Stands after the authentication and the messages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not (request.path.startswith(ADMIN) and SESSION_KEY in request.session):
            return self.get_response(request)
        if why := ended(request.session):
            logout(request)
            messages.info(request, ENDED.format(why))
        password = request.session.get(HASH_SESSION_KEY)
        response = self.get_response(request)
        if password and request.session.get(HASH_SESSION_KEY) not in {None, password}:
            stay_known(request, response)
        return response


def stay_known(request: HttpRequest, response: HttpResponse) -> None:
    """They have changed their own password, which ends all other sessions of theirs; this browser stays known.

    Django's two pages for it: one's own, and that of a user, which changes another object than `request.user`.
    """
    name = request.user.get_username()
    if is_through(request) and (user := User.objects.filter(username=name, is_staff=True).first()):
        known_browsers.remember(request, response, user)


def ended(session: SessionBase) -> str:
    """Why the session is over, or nothing; then it is noted that it was used, at most once a minute."""
    now = timezone.now().timestamp()
    began, seen = session.setdefault(BEGAN, now), session.setdefault(SEEN, now)
    if now - began > settings.STAFF_SESSION_AGE.total_seconds():
        return "a working day had passed"
    if now - seen > settings.STAFF_SESSION_IDLE.total_seconds():
        return "you had been away for a while"
    if now - seen > WRITTEN_EVERY.total_seconds():
        session[SEEN] = now
    return ""
