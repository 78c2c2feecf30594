"""Every address that the shop answers, walked from the URL configuration."""

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.urls import URLResolver, get_resolver
from django.urls.resolvers import RegexPattern
from django.utils.module_loading import import_string

ANYTHING = ".*"
DASHBOARD = "admin/dashboards/<slug:slug>/"
APP_LIST = re.compile(r"admin/\^\(\?P<app_label>(.+)\)/\$")


def found() -> list[str]:
    """The routes as they are written; one for each dashboard and each list of an app."""
    return list(
        dict.fromkeys(each for route in walked(get_resolver().url_patterns) for each in told_apart(route))
    )


def walked(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        is_regex = isinstance(pattern.pattern, RegexPattern)
        route = prefix + (str(pattern.pattern) or (ANYTHING if is_regex else ""))
        if isinstance(pattern, URLResolver):
            yield from walked(pattern.url_patterns, route)
        else:
            yield route


def told_apart(route: str) -> list[str]:
    """One pattern that leads to many pages, as those pages."""
    if route == DASHBOARD:
        slugs = [import_string(path).slug for path in settings.DASHBOARDS]
        return [route.replace("<slug:slug>", slug) for slug in slugs]
    if labels := APP_LIST.fullmatch(route):
        return [f"admin/{label}/" for label in labels[1].split("|")]
    return [route]
