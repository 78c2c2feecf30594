"""Dashboards for the tests of the site."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from leafloaf.lib.headlines import Headline, Problem


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


class Burning(Plain):
    """One that knows what is wrong."""

    title = "Ovens"
    slug = "ovens"

    def headline(self, request: HttpRequest) -> Headline:
        return Headline("unhealthy", "2 ovens burn")

    def problems(self, request: HttpRequest) -> list[Problem]:
        address = "/admin/dashboards/ovens/?oven=2"
        return [
            Problem("degraded", "Oven 1 smokes", None, "Open a window", address),
            Problem("degraded", "Oven 3 is cold", datetime(2026, 11, 20, 9, tzinfo=UTC), "Light it", address),
            Problem("unhealthy", "Oven 2 burns", None, "Put it out", address),
        ]


class Limping(Plain):
    """One with a bad headline and no list of what is wrong."""

    title = "Scales"
    slug = "scales"

    def headline(self, request: HttpRequest) -> Headline:
        return Headline("degraded", "Two scales disagree")


class Broken(Plain):
    title = "Broken"
    slug = "broken"

    def headline(self, request: HttpRequest) -> Headline:
        raise LookupError("nobody has this number: 7")


class BrokenInside(Plain):
    title = "Broken inside"
    slug = "broken-inside"

    def problems(self, request: HttpRequest) -> list[Problem]:
        return [Problem("degraded", "never seen", None, "", "")] * (1 // 0)
