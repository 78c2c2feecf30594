"""The admin's lists in a few groups that say what they are for, whichever package they come from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Group:
    """Some lists under one heading; `models` says which come first, the others follow by name."""

    key: str
    name: str
    about: str
    apps: tuple[str, ...]
    models: tuple[str, ...] = ()


GROUPS = (
    Group(
        "capture",
        "Capture",
        "What happened in the shop, and where it was delivered to.",
        ("capture",),
        ("Event", "DeadLetter", "OutboxBatch", "Sink", "LedgerDay"),
    ),
    Group(
        "catalogue",
        "Catalogue",
        "What the shop sells, and how searches find it.",
        ("catalog",),
        ("Product", "MerchandisingRule", "Synonym", "Category", "Brand", "Supplier"),
    ),
    Group(
        "personalization",
        "Personalization",
        "What is learned from everybody together.",
        ("personalization", "storefront"),
    ),
    Group("privacy", "Privacy", "What people allow, and who looked at them.", ("privacy",)),
    Group(
        "access",
        "Access",
        "Who may call, who may sign in, and who did what.",
        ("access", "auth", "axes", "staff", "otp_totp", "otp_static", "otp_webauthn"),
        ("ApiClient", "ApiKey", "TokenKey", "User", "Group", "AuditEntry"),
    ),
)
OTHERS = Group("others", "Others", "", ())


def grouped(apps: Iterable[Mapping[str, Any]], index: str) -> list[dict[str, Any]]:
    """Django's list of applications, regrouped; in its own shape, for its own templates.

    Args:
        index: the address of the page on which the groups stand.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for app in apps:
        found.setdefault(group_of(app["app_label"]).key, []).extend(app["models"])
    return [
        {
            "name": group.name,
            "about": group.about,
            "app_label": group.key,
            "app_url": f"{index}#{group.key}",
            "has_module_perms": True,
            "models": sorted(found[group.key], key=lambda model: place(group, model)),
        }
        for group in (*GROUPS, OTHERS)
        if group.key in found
    ]


def group_of(app_label: str) -> Group:
    return next((group for group in GROUPS if app_label in group.apps), OTHERS)


def place(group: Group, model: Mapping[str, Any]) -> tuple[int, str]:
    named = model["object_name"]
    return (group.models.index(named) if named in group.models else len(group.models)), str(model["name"])
