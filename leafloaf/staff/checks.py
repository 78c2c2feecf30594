"""DASHBOARDS checks itself."""

from collections import Counter
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.utils.module_loading import import_string

TEXTS = ("title", "slug", "permission", "template_name")
HINT = "A dashboard is a class with title, slug, permission, template_name and context(request)."


@checks.register
def dashboards_are_usable(**_: Any) -> list[checks.CheckMessage]:
    """Every path leads to a class with all that a dashboard has, and no two share an address."""
    complaints = [(path, _complaint(path)) for path in settings.DASHBOARDS]
    found = [(path, complaint) for path, complaint in complaints if complaint]
    if not found:
        slugs = Counter(import_string(path).slug for path in settings.DASHBOARDS)
        found = [
            (path, f"has the slug {slug!r} of another dashboard")
            for path in settings.DASHBOARDS
            if slugs[slug := import_string(path).slug] > 1
        ]
    return [
        checks.Error(f"DASHBOARDS: {path!r} {complaint}.", hint=HINT, id="staff.E001")
        for path, complaint in found
    ]


def _complaint(path: str) -> str | None:
    try:
        dashboard = import_string(path)
    except ImportError as error:
        return f"cannot be imported: {error}"
    if not isinstance(dashboard, type):
        return "is not a class"
    if missing := [name for name in TEXTS if not isinstance(getattr(dashboard, name, None), str)]:
        return f"lacks {', '.join(missing)}"
    if not callable(getattr(dashboard, "context", None)):
        return "lacks context(request)"
    return _wrong_value(dashboard)


def _wrong_value(dashboard: Any) -> str | None:
    try:
        validate_slug(dashboard.slug)
    except ValidationError:
        return f"has the slug {dashboard.slug!r}, which cannot stand in an address"
    if dashboard.permission.count(".") != 1:
        return f"has the permission {dashboard.permission!r}; write app.codename"
    return None
