"""The audit in the admin: to look at, to search and to filter, fast however long it grows."""

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from leafloaf.access.models import AuditEntry
from leafloaf.lib import statements

MOST_ACTIONS = 200

# Each action is found by one step along the index from the one before, however many entries they have.
ACTIONS = """
    WITH RECURSIVE found AS (
        (SELECT action FROM access_auditentry ORDER BY action LIMIT 1)
        UNION ALL
        SELECT (SELECT e.action FROM access_auditentry AS e WHERE e.action > found.action ORDER BY e.action LIMIT 1)
        FROM found WHERE found.action IS NOT NULL
    )
    SELECT action FROM found WHERE action IS NOT NULL LIMIT %s
"""


class ActionFilter(admin.SimpleListFilter):
    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Iterable[tuple[str, str]]:
        return [(action, action) for (action,) in statements.fetch(ACTIONS, [MOST_ACTIONS])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin[AuditEntry]):
    """The database refuses changes too; see `audit_protection.py`."""

    list_display = ("at", "actor", "action", "target", "reason")
    list_filter = (ActionFilter, "at")
    list_per_page = 50
    fields = ("at", "actor", "action", "target", "reason", "details_as_json")
    readonly_fields = ("details_as_json",)
    search_fields: ClassVar = ["actor__exact", "action__exact", "target__exact"]
    search_help_text = "The whole name of who did it, of what was done, or of what it was done to."
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """As one text: names have spaces in them."""
        quoted = search_term.strip().replace('"', r"\"")
        return super().get_search_results(request, queryset, f'"{quoted}"' if quoted else "")

    @admin.display(description="details")
    def details_as_json(self, entry: AuditEntry) -> SafeString:
        said = json.dumps(entry.details, indent=2, ensure_ascii=False)
        return format_html('<pre class="json">{}</pre>', said)
