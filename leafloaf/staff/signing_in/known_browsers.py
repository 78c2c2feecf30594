"""A browser in which somebody of the staff got in before: nobody else's mistakes close the door to it.

It has a signed cookie, which lets nobody in: password and code are asked for all the same, and what goes wrong there is
counted for this browser alone, instead of for its address. Who guesses from behind the same address, where colleagues
are, has no such cookie; who steals one has a few tries more. A new password makes it worth nothing, but in the browser
in which they chose it themselves (`sessions.stay_known`), and so does a new app: else whoever had the password before
there was one would have as many browsers as they like to guess codes in.
"""

import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from leafloaf.staff.models import Authenticator

COOKIE = "leafloaf-staff-browser"
SALT = "leafloaf.staff.known_browsers"
AGE = timedelta(days=90)
NAME_BYTES = 8


def of(request: HttpRequest, user: User) -> str:
    """The browser's name, or nothing where this user never got in, or not by the password and the app of today."""
    try:
        told = signing.loads(request.COOKIES.get(cookie(), ""), salt=SALT, max_age=AGE)
    except signing.BadSignature:
        return ""
    name, whose = told
    return str(name) if constant_time_compare(whose, trace(user)) else ""


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """They have shown everything that is asked for; a browser keeps the name it has for this password."""
    name = of(request, user) or secrets.token_hex(NAME_BYTES)
    response.set_cookie(
        cookie(),
        signing.dumps((name, trace(user)), salt=SALT),
        max_age=AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def cookie() -> str:
    return f"__Host-{COOKIE}" if settings.SESSION_COOKIE_SECURE else COOKIE


def trace(user: User) -> str:
    """Of the user, the password and the app; it tells none of them."""
    app = Authenticator.objects.filter(user=user, confirmed=True).values_list("pk", flat=True).first()
    whose = f"{user.pk} {user.get_session_auth_hash()} {app}"
    return salted_hmac(SALT, whose, algorithm="sha256").hexdigest()[:32]
