"""A shop in which whoever could write anything wrote what runs in a careless page."""

from html.parser import HTMLParser

from django.contrib import admin
from django.db import DatabaseError, models, transaction

MARK = "data-hostile"
TEXT = f'"\'><img src=x {MARK} onerror="window.ran=1"></script></title></textarea><script {MARK}>window.ran=1</script>'
SHORT = f"\"'><b {MARK}>"
KEPT = {
    "id",
    "kind",
    "state",
    "algorithm",
    "action",
    "match",
    "language",
    "sink",
    "event_type",
    "username",
    "password",
}
"""What the workflow reads again, and refuses when it is none of its words."""


class Tags(HTMLParser):
    """What a browser would make of a page, as far as it is ours to be afraid of."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if MARK in names or any(name.startswith("on") for name in names) or "style" in names:
            self.found.append(f"<{tag} {attrs}>")
        if tag == "script" and not any(name in {"src", "type"} for name in names):
            self.found.append(f"<{tag}> inline")
        self.found += [
            f"{tag} {value}"
            for name, value in attrs
            if (value or "").strip().lower().startswith("javascript:")
        ]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def tags_in(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    return tags


def write_everywhere() -> list[str]:
    """Fills every text of every row that the admin shows; returns which were filled."""
    return [
        f"{model.__name__}.{field.name}"
        for model in [*admin.site._registry, *others()]
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField) and fill(model, field)
    ]


def others() -> list[type[models.Model]]:
    """Rows that are shown in pages of their own."""
    from privacy.models import DeletionRequest, DeletionStep, StaffAccess

    return [DeletionRequest, DeletionStep, StaffAccess]


def fill(model: type[models.Model], field: models.Field[str, str]) -> bool:
    """Whether the text could be written there."""
    if field.name in KEPT or field.choices or field.generated or field.is_relation or field.primary_key:
        return False
    text = TEXT if (field.max_length or 1000) >= len(TEXT) else SHORT
    first = model._default_manager.order_by("pk").first()
    if first is None or (field.max_length or 1000) < len(text):
        return False
    try:
        with transaction.atomic():
            model._default_manager.filter(pk=first.pk).update(**{field.name: text})
    except DatabaseError:  # too long after all, twice the same, or written once and for all
        return False
    return True
