"""Lists and pages of rows to look at, never to touch; the staff's site counts none of their tables to its end."""

import json
from typing import ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString


class LookOnly(admin.ModelAdmin[Model]):
    """Rows that only the workflow may change."""

    list_per_page = 50
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    seen_with = ""
    """The permission of the page that these rows are behind, where they have no sense without it."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if self.seen_with and request.user.has_perm(self.seen_with):
            return True
        return super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def pretty(value: object) -> SafeString:
    return format_html(
        '<pre class="json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False, default=str)
    )
