"""Lists of the admin that never count a table to its end."""

from functools import cached_property
from typing import Any, cast

from django.contrib.admin import ShowFacets
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet

MOST_ROWS = 2000


class BoundedPaginator(Paginator[Model]):
    """Past `MOST_ROWS` there are no pages, but search and filters."""

    @cached_property
    def count(self) -> int:
        found = cast("QuerySet[Model]", self.object_list)
        return len(found.order_by().values_list("pk")[:MOST_ROWS])

    @property
    def is_cut(self) -> bool:
        """Whether the count is only where the counting stopped."""
        return self.count >= MOST_ROWS

    @property
    def most(self) -> str:
        return f"{MOST_ROWS:,}"


def options_for(admin_class: type[Any] | None) -> dict[str, Any]:
    """What makes the lists of an admin class bounded that says nothing of it itself."""
    if admin_class is not None and admin_class.paginator is not Paginator:
        return {}
    return {
        "paginator": BoundedPaginator,
        "show_full_result_count": False,
        "show_facets": ShowFacets.NEVER,
    }
