"""docs/admin.md: every page of the admin, and what each role may do on it, asked of the admin's own classes."""

import sys
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver

from leafloaf.staff import dashboards, groups, roles
from leafloaf.staff.dashboards import Acts, Dashboard

INTRODUCTION = """# The admin, page by page

Written by `make openapi` from the admin's own classes; do not edit.

For staff who look for a page, and for whoever gives roles. A *role* is a group of that name; a superuser may do all of
it. [staff.md](staff.md) tells what the overview says, [for-staff.md](for-staff.md) where to begin.
"""
EVERYBODY = "every member of staff"
NOBODY = "superusers"
OWN_PAGES = {
    "index": ("Overview", "what is wrong, since when, and what to press", EVERYBODY),
    "login": ("Sign in", "asks for name and password", "everybody"),
    "logout": ("Sign out", "ends the session", EVERYBODY),
    "second_factor": ("Code", "the second factor, after the password", EVERYBODY),
    "second_factor_set_up": ("Two-factor", "sets up the app that makes codes, and recovery codes", EVERYBODY),
    "password_change": ("Change password", "one's own", EVERYBODY),
    "password_change_done": ("Password changed", "says that it was", EVERYBODY),
    "people": ("User profiles", "begins a look-up: whom, and why", "privacy.lookup_person"),
    "people_open": (
        "User profiles: open",
        "what the form of *User profiles* is sent to",
        "privacy.lookup_person",
    ),
    "people_end": (
        "User profiles: end",
        "ends a look-up before its half hour is over",
        "privacy.lookup_person",
    ),
    "person": ("A person", "what they allow, and what is known of them in short", "privacy.lookup_person"),
    "person_scores": ("A person: scores", "what they like, and from which signals", "privacy.lookup_person"),
    "person_reorders": (
        "A person: reorders",
        "what they buy again, and when it is due",
        "privacy.lookup_person",
    ),
    "person_recommendations": (
        "A person: recommendations",
        "what they would be recommended now, and why",
        "privacy.lookup_person",
    ),
    "person_history": ("A person: history", "their visits and events", "privacy.lookup_person"),
    "person_memory": ("A person: memory", "the graph of what is remembered of them", "privacy.lookup_person"),
    "person_visit": ("A person: a visit", "one visit, event by event", "privacy.lookup_person"),
    "capture_event_journey": (
        "Journey",
        "a visit in order, and where each event was delivered",
        "capture.view_event",
    ),
    "personalization_learnedversion_use": (
        "Learned predictions: use",
        "goes back to an earlier version, or on to a later one",
        "personalization.change_learnedversion",
    ),
    "access_apiclient_rotate": ("API clients: rotate", "a new key, shown once", "access.rotate_apiclient"),
    "access_apiclient_revoke": ("API clients: revoke", "ends one key, or all", "access.rotate_apiclient"),
    "auth_user_password_change": (
        "Users: password",
        "sets another member of staff's password",
        "auth.change_user",
    ),
}
"""Name of the address: title, what the page answers, the permission. Dashboards and lists describe themselves."""
SAYS_NOTHING = {
    "Brand": "A name that products carry.",
    "Group": "A role, or a group that the shop made.",
    "Product": "Something that the shop sells.",
    "Supplier": "Whom products come from.",
    "User": "A member of staff.",
}
"""What a row of those is whose models do not say it."""
DJANGO_OWN = {"dashboard", "autocomplete", "jsi18n", "app_list", None}
OF_A_LIST = ("changelist", "add", "history", "delete", "change")


class Holder:
    """A member of staff with one role; without one, a superuser."""

    is_active = is_staff = is_authenticated = True

    def __init__(self, role: str | None) -> None:
        self.is_superuser = role is None
        self.granted = roles.ROLES.get(role or "", ())

    def has_perm(self, permission: str, obj: object = None) -> bool:
        return self.is_superuser or permission in self.granted

    def has_perms(self, permissions: list[str], obj: object = None) -> bool:
        return all(self.has_perm(permission) for permission in permissions)

    def has_module_perms(self, app: str) -> bool:
        return self.is_superuser or any(name.startswith(f"{app}.") for name in self.granted)


def page() -> str:
    return "\n".join([INTRODUCTION, *_dashboards(), *_lists(), *_others()])


def request_of(role: str | None) -> HttpRequest:
    request = HttpRequest()
    request.user = Holder(role)  # type: ignore[assignment]
    return request


def roles_with(permission: str) -> str:
    return ", ".join(role for role, granted in roles.ROLES.items() if permission in granted) or NOBODY


def _dashboards() -> Iterator[str]:
    yield "## Dashboards\n"
    yield "| page | answers | opens for | by permission | buttons |"
    yield "| --- | --- | --- | --- | --- |"
    for found in dashboards.configured():
        opens = f"{roles_with(found.permission)} | `{found.permission}`"
        buttons = "yes" if isinstance(found, Acts) else "none"
        yield f"| **{found.title}** `/admin/dashboards/{found.slug}/` | {_answers(found)} | {opens} | {buttons} |"
    yield ""


def _answers(dashboard: Dashboard) -> str:
    """The first sentence that its module says of it."""
    about = " ".join((sys.modules[type(dashboard).__module__].__doc__ or "").split())
    return about.partition(": ")[2].partition(". ")[0].rstrip(".")


def _lists() -> Iterator[str]:
    yield "## Lists\n"
    yield "They open from the side of every page. *May change*: by its forms; an action is chosen above the list."
    for group in (*groups.GROUPS, groups.OTHERS):
        registered = [shown for shown in admin.site._registry.values() if _group(shown) == group]
        if registered:
            yield f"\n### {group.name}\n"
            yield "| list | a row is | see it | may change | actions |"
            yield "| --- | --- | --- | --- | --- |"
            yield from (_list(shown) for shown in sorted(registered, key=_name))
    yield ""


def _group(shown: ModelAdmin[Any]) -> groups.Group:
    return groups.group_of(shown.opts.app_label)


def _name(shown: ModelAdmin[Any]) -> str:
    return str(shown.opts.verbose_name_plural)


def _list(shown: ModelAdmin[Any]) -> str:
    name = _name(shown)
    address = f"/admin/{shown.opts.app_label}/{shown.opts.model_name}/"
    cells = (
        f"**{name[:1].upper()}{name[1:]}** `{address}`",
        _a_row(shown),
        _who(lambda request: shown.has_view_permission(request)),
        _changes(shown),
        _actions(shown),
    )
    return "| " + " | ".join(cells) + " |"


def _a_row(shown: ModelAdmin[Any]) -> str:
    """The first paragraph of what the model says of itself, if its author said anything."""
    about = (shown.model.__doc__ or "").strip().partition("\n\n")[0]
    is_djangos_own = about.startswith(f"{shown.model.__name__}(") or shown.opts.app_label == "auth"
    return (
        SAYS_NOTHING[shown.model.__name__] if is_djangos_own else " ".join(about.split()).replace("|", "\\|")
    )


def _who(may: Any) -> str:
    having = [role for role in roles.ROLES if may(request_of(role))]
    if having:
        return ", ".join(having)
    return NOBODY if may(request_of(None)) else "nobody"


def _changes(shown: ModelAdmin[Any]) -> str:
    acts = {
        "add": lambda request: shown.has_add_permission(request),
        "change": lambda request: shown.has_change_permission(request),
        "delete": lambda request: shown.has_delete_permission(request),
    }
    told: dict[str, list[str]] = {}
    for act, may in acts.items():
        told.setdefault(_who(may), []).append(act)
    told.pop("nobody", None)
    return "; ".join(f"{', '.join(acts)}: {who}" for who, acts in told.items()) or "nobody"


def _actions(shown: ModelAdmin[Any]) -> str:
    told = [
        f"*{about}*: {_who(lambda request, name=name: name in _chosen(shown, request))}"
        for name, about in _chosen(shown, request_of(None)).items()
    ]
    return "; ".join(told) or "none"


def _chosen(shown: ModelAdmin[Any], request: HttpRequest) -> dict[str, str]:
    """The actions that the request's user may choose from."""
    actions = shown.get_actions(request) or {}
    return {name: str(told[2]) for name, told in actions.items() if told and name != "delete_selected"}


def _others() -> Iterator[str]:
    yield "## Other pages\n"
    yield "| page | does | opens for |"
    yield "| --- | --- | --- |"
    for name, address in _addresses(admin.site.get_urls()):
        title, about, permission = OWN_PAGES[name]
        opens = f"{roles_with(permission)} (`{permission}`)" if "." in permission else permission
        yield f"| **{title}** `/admin/{address}` | {about} | {opens} |"
    yield ""


def _addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, str]]:
    """Those that are neither a dashboard nor part of a list."""
    of_lists = {
        f"{m.opts.app_label}_{m.opts.model_name}_{kind}"
        for m in admin.site._registry.values()
        for kind in OF_A_LIST
    }
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern.url_patterns, f"{before}{pattern.pattern}")
        elif pattern.name not in DJANGO_OWN | of_lists:
            yield str(pattern.name), f"{before}{pattern.pattern}"
