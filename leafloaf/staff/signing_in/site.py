"""The part of the admin site that decides who is in."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from leafloaf.staff.signing_in import known_browsers, pages, sessions


class GuardedSite(admin.AdminSite):
    """Lets in who has shown everything that is asked for; who has shown the password alone gets as far as the code."""

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and sessions.is_through(request)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [
            path("second-factor/", pages.CodePage.as_view(), name="second_factor"),
            path("second-factor/set-up/", pages.SetUpPage.as_view(), name="second_factor_set_up"),
            *super().get_urls(),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and (owed := pages.owed(request)):
            return owed
        response = super().login(request, extra_context)
        if request.method == "POST" and (user := pages.staff_of(request)):
            sessions.owe_second_factor(request)
            if sessions.is_through(request):
                known_browsers.remember(request, response, user)
        return response
