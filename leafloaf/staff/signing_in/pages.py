"""The pages between the password and the admin: showing a code, and setting up the app that makes them."""

from base64 import b32encode
from collections.abc import Iterable
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from leafloaf.staff.signing_in import guesses, known_browsers, lock_out, qr_code, second_factor, sessions
from leafloaf.staff.signing_in.guesses import Way

WRONG = "That is not the code, or it was used before. Wait for the next one, or take a recovery code."
WRONG_OF_NEW_APP = "That is not the code that the new app shows. Wait for the next one."
WAIT = "There were too many wrong codes. Try again {}."
WAYS = {
    Way.APP: "by a code of your app",
    Way.RECOVERY: "by a recovery code",
    Way.NETWORK: "from another network",
    Way.BROWSER: "in another browser on another network",
    Way.KNOWN_BROWSER: "in another browser in which you got in before",
}
OF_NEW_APP = {Way.NETWORK, Way.BROWSER}
"""No other code confirms a new app, and no other browser is known that it could be confirmed in."""
WRONG_HERE = "staff_wrong_codes"
"""In the session: how many of the wrong codes were typed in it."""
SOMEBODY = (
    "Since your last code was taken somebody who knows your password has entered {} wrong code{}. "
    'If that was not you, <a href="{}">change your password</a> now.'
)


def owed(request: HttpRequest) -> HttpResponse | None:
    """Where to send somebody who has shown a password and owes a code; None when that is not so."""
    user = staff_of(request)
    if user is None or sessions.is_through(request):
        return None
    page = "second_factor" if second_factor.app_of(user) else "second_factor_set_up"
    return HttpResponseRedirect(
        f"{reverse(f'admin:{page}')}?{urlencode({REDIRECT_FIELD_NAME: onward(request)})}"
    )


def staff_of(request: HttpRequest) -> User | None:
    """Who has shown the password of a member of staff, whatever else they owe."""
    user = request.user
    return user if user.is_authenticated and user.is_active and user.is_staff else None


def onward(request: HttpRequest) -> str:
    """The page of this site that was asked for first."""
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if is_ours else reverse("admin:index")


def place_of(request: HttpRequest, user: User) -> guesses.Place:
    if browser := known_browsers.of(request, user):
        return guesses.Place(browser, is_known=True)
    return guesses.Place(lock_out.address(request) or "")


def in_words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes > 1 else f"{seconds} second{pluralize(seconds)}"


def wait_for(seconds: int, ways: Iterable[Way]) -> str:
    """What else than waiting helps, and nothing that does not."""
    *others, last = [f"in {in_words(seconds)}", *(WAYS[way] for way in ways)]
    return WAIT.format(", ".join([*others, f"or {last}"]) if others else last)


class Refused(Exception):
    """No right code was sent; this is what is answered."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


@method_decorator([never_cache, sensitive_post_parameters("code")], name="dispatch")
class SignInPage(View):
    """Only for who has shown the password of a member of staff."""

    template: ClassVar[str]
    title: ClassVar[str]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = staff_of(request)
        if user is None:
            return HttpResponseRedirect(reverse("admin:login"))
        self.user = user
        if request.POST.get("act") == "leave":
            logout(request)
            return HttpResponseRedirect(reverse("admin:login"))
        try:
            return super().dispatch(request, *args, **kwargs)
        except Refused as refused:
            return refused.response

    def show(self, status: int = 200, **context: Any) -> HttpResponse:
        # Nothing of the admin is told to who is not through.
        around = {"site_header": admin.site.site_header, "site_title": admin.site.site_title}
        nothing = {"is_nav_sidebar_enabled": False, "available_apps": [], "has_permission": False}
        shared = {
            "title": self.title,
            "next": onward(self.request),
            "is_through": sessions.is_through(self.request),
        }
        return TemplateResponse(
            self.request, self.template, around | nothing | shared | context, status=status
        )

    def owner(self) -> second_factor.Device:
        """The device whose code was sent; its owner is told of wrong ones that were not theirs.

        Raises:
            Refused: what to answer.
        """
        request = self.request
        try:
            found = second_factor.verify(
                self.user, request.POST.get("code", ""), place_of(request, self.user)
            )
        except guesses.TooMany as error:
            raise Refused(self.wait(error.seconds, error.ways)) from error
        if found is None:
            request.session[WRONG_HERE] = request.session.get(WRONG_HERE, 0) + 1
            raise Refused(self.show(wrong=WRONG))
        others = found.wrong_before - request.session.pop(WRONG_HERE, 0)
        if others > 0:
            address = reverse("admin:password_change")
            messages.warning(request, format_html(SOMEBODY, others, pluralize(others), address))
        return found.device

    def wait(self, seconds: int, ways: Iterable[Way], **context: Any) -> HttpResponse:
        response = self.show(status=429, wrong=wait_for(seconds, ways), **context)
        response.headers["Retry-After"] = str(seconds)
        return response


class CodePage(SignInPage):
    template = "staff/second_factor.html"
    title = "Enter a code"

    def get(self, request: HttpRequest) -> HttpResponse:
        if sessions.is_through(request):
            return HttpResponseRedirect(onward(request))
        if second_factor.app_of(self.user) is None:
            return HttpResponseRedirect(reverse("admin:second_factor_set_up"))
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        sessions.go_through(request, self.owner())
        response = HttpResponseRedirect(onward(request))
        known_browsers.remember(request, response, self.user)
        return response


class SetUpPage(SignInPage):
    """What stands here once and never again: the secret, and the recovery codes."""

    template = "staff/second_factor_set_up.html"
    title = "Two-factor sign-in"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = staff_of(request)
        if user and not sessions.is_through(request) and second_factor.app_of(user):
            return HttpResponseRedirect(reverse("admin:second_factor"))
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        acts = {"begin": self.begin, "confirm": self.confirm, "codes": self.codes}
        act = acts.get(request.POST.get("act", ""))
        return act() if act else self.show()

    def begin(self) -> HttpResponse:
        self.ask_owner()
        device = second_factor.begin(self.user)
        secret = b32encode(device.bin_key).decode()
        groups = [secret[at : at + 4] for at in range(0, len(secret), 4)]
        return self.show(is_begun=True, secret=" ".join(groups), drawing=qr_code.draw(device.config_url))

    def confirm(self) -> HttpResponse:
        code, place = self.request.POST.get("code", ""), place_of(self.request, self.user)
        try:
            confirmed = second_factor.confirm(self.user, code, place)
        except guesses.TooMany as error:
            ways = [way for way in error.ways if way in OF_NEW_APP]
            return self.wait(error.seconds, ways, is_begun=True)
        if confirmed is None:
            return self.show(is_begun=True, wrong=WRONG_OF_NEW_APP)
        device, codes = confirmed
        sessions.go_through(self.request, device)
        second_factor.end_sessions(self.user, but=self.request.session.session_key)
        response = self.show(codes=codes)
        known_browsers.remember(self.request, response, self.user)
        return response

    def codes(self) -> HttpResponse:
        self.ask_owner()
        codes = second_factor.new_codes(self.user)
        if app := second_factor.app_of(self.user):  # the code that opened this session may be gone
            sessions.go_through(self.request, app)
        return self.show(codes=codes)

    def ask_owner(self) -> None:
        """An open session is not enough to change what it was opened with: that takes a code too.

        Raises:
            Refused: what to answer.
        """
        if second_factor.app_of(self.user):
            self.owner()

    def show(self, status: int = 200, **context: Any) -> HttpResponse:
        app = second_factor.app_of(self.user)
        return super().show(status, app=app, left=second_factor.codes_left(self.user), **context)
