"""The pages between the password and the admin: showing a code, and setting up the app that makes them."""

from base64 import b32encode
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from leafloaf.staff.signing_in import qr_code, second_factor, sessions

WRONG = "That is not the code, or it was used before. Wait for the next one, or take a recovery code."
WAIT = "There were too many wrong codes. Try again in {} seconds."


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
        return super().dispatch(request, *args, **kwargs)

    def show(self, **context: Any) -> HttpResponse:
        # Nothing of the admin is told to who is not through.
        around = {"site_header": admin.site.site_header, "site_title": admin.site.site_title}
        nothing = {"is_nav_sidebar_enabled": False, "available_apps": [], "has_permission": False}
        shared = {
            "title": self.title,
            "next": onward(self.request),
            "is_through": sessions.is_through(self.request),
        }
        return TemplateResponse(self.request, self.template, around | nothing | shared | context)

    def wrong(self) -> str:
        seconds = second_factor.seconds_to_wait(self.user)
        return WAIT.format(seconds) if seconds > 1 else WRONG


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
        device = second_factor.verify(self.user, request.POST.get("code", ""))
        if device is None:
            return self.show(wrong=self.wrong())
        sessions.go_through(request, device)
        return HttpResponseRedirect(onward(request))


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
        if wrong := self.owner_is_missing():
            return self.show(wrong=wrong)
        device = second_factor.begin(self.user)
        secret = b32encode(device.bin_key).decode()
        groups = [secret[at : at + 4] for at in range(0, len(secret), 4)]
        return self.show(is_begun=True, secret=" ".join(groups), drawing=qr_code.draw(device.config_url))

    def confirm(self) -> HttpResponse:
        confirmed = second_factor.confirm(self.user, self.request.POST.get("code", ""))
        if confirmed is None:
            return self.show(is_begun=True, wrong=self.wrong())
        device, codes = confirmed
        sessions.go_through(self.request, device)
        second_factor.end_sessions(self.user, but=self.request.session.session_key)
        return self.show(codes=codes)

    def codes(self) -> HttpResponse:
        if wrong := self.owner_is_missing():
            return self.show(wrong=wrong)
        codes = second_factor.new_codes(self.user)
        if app := second_factor.app_of(self.user):  # the code that opened this session may be gone
            sessions.go_through(self.request, app)
        return self.show(codes=codes)

    def owner_is_missing(self) -> str:
        """An open session is not enough to change what it was opened with: that takes a code too."""
        if second_factor.app_of(self.user) is None:
            return ""
        return "" if second_factor.verify(self.user, self.request.POST.get("code", "")) else self.wrong()

    def show(self, **context: Any) -> HttpResponse:
        app = second_factor.app_of(self.user)
        return super().show(app=app, left=second_factor.codes_left(self.user), **context)
