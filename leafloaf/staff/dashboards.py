"""The pages that other packages bring to the admin, by `settings.DASHBOARDS`.

A dashboard is a plain class that knows nothing of this package: it has the attributes of `Dashboard`, and may have
`headline(request)`, its state in one line for the overview, and `act(request)`, which does what a button of the
page asks for and returns the sentence to show; a `ValidationError` says why it was not done.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from leafloaf.lib.headlines import Headline, Problem


@runtime_checkable
class Dashboard(Protocol):
    """What every dashboard has; `permission` is one of Django's, such as `capture.view_sink`."""

    title: str
    slug: str
    permission: str
    template_name: str

    def context(self, request: HttpRequest) -> dict[str, Any]:
        """What the template needs; one request's reading, so nothing that waits for an outside service."""
        ...


@runtime_checkable
class HasHeadline(Protocol):
    def headline(self, request: HttpRequest) -> Headline: ...


@runtime_checkable
class HasProblems(Protocol):
    def problems(self, request: HttpRequest) -> Sequence[Problem]:
        """What is wrong now; empty when nothing is. One request's reading, bounded like `context`."""
        ...


@runtime_checkable
class Acts(Protocol):
    def act(self, request: HttpRequest) -> str: ...


def configured() -> list[Dashboard]:
    """In the order of the setting."""
    return [import_string(path)() for path in settings.DASHBOARDS]


def visible(request: HttpRequest) -> list[Dashboard]:
    """Those that the request's user may see."""
    return [dashboard for dashboard in configured() if request.user.has_perm(dashboard.permission)]


def named(slug: str) -> Dashboard | None:
    return next((dashboard for dashboard in configured() if dashboard.slug == slug), None)


def headline(dashboard: Dashboard, request: HttpRequest) -> Headline | None:
    return dashboard.headline(request) if isinstance(dashboard, HasHeadline) else None
