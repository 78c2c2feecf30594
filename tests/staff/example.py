"""Dashboards for the tests of the site."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True)
class Headline:
    state: str
    sentence: str


class Bread:
    """All that a dashboard may have."""

    title = "Bread"
    slug = "bread"
    permission = "auth.view_group"
    template_name = "staff/dashboard.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        return {"subtitle": f"Loaves for {request.user}"}

    def headline(self, request: HttpRequest) -> Headline:
        return Headline("healthy", "12 loaves in the oven")

    def act(self, request: HttpRequest) -> str:
        return f"{request.POST['loaf']} is baked."


class Plain:
    """No more than a dashboard has to have."""

    title = "Plain"
    slug = "plain"
    permission = "auth.view_group"
    template_name = "staff/dashboard.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        return {}


class SameAddress(Plain):
    pass


class Lacking:
    title = "Lacking"
    slug = "lacking"


class WithoutContext:
    title = slug = "x"
    permission = "auth.view_group"
    template_name = "staff/dashboard.html"


class BadSlug(Plain):
    slug = "not a slug"


class BadPermission(Plain):
    permission = "view_group"


def function() -> None:
    """No class at all."""
