"""Lists and pages of rows to look at, never to touch, that count no table to its end."""

import json
from functools import cached_property
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

MOST_ROWS = 2000


class BoundedPaginator(Paginator[Model]):
    """Never counts a table of millions: past `MOST_ROWS` there are no pages, but search and filters."""

    @cached_property
    def count(self) -> int:
        found = cast("QuerySet[Model]", self.object_list)
        return len(found.order_by().values_list("pk")[:MOST_ROWS])


class BoundedList(ChangeList):
    """Knows that its count may be where the counting stopped."""

    @property
    def is_cut(self) -> bool:
        return self.result_count >= MOST_ROWS

    @property
    def most(self) -> str:
        return f"{MOST_ROWS:,}"


class LookOnly(admin.ModelAdmin[Model]):
    """Rows that only the workflow may change."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    seen_with = ""
    """The permission of the page that these rows are behind, where they have no sense without it."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

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
