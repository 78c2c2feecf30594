"""What people agreed to, as a list of nobody: who it was is shown within a look-up only (`privacy.lookups`)."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from privacy import wording
from privacy.models import ConsentRecord


@admin.register(ConsentRecord)
class ConsentRecordAdmin(admin.ModelAdmin[ConsentRecord]):
    """Every change of a setting, newest first, with the words that were shown. A record has no page of its own."""

    list_display = ("at", "purpose", "value_before", "value_after", "actor", "words")
    list_display_links = None
    list_filter = ("purpose", "actor", "at")
    list_per_page = 50
    ordering = ("-id",)

    @admin.display(description="the words that were shown")
    def words(self, row: ConsentRecord) -> str:
        return wording.of(row.text_version, row.purpose)

    def lookup_allowed(self, lookup: str, value: object, request: HttpRequest | None = None) -> bool:
        """By what the filters ask for, and by nothing that would tell whose."""
        return lookup.partition("__")[0] in self.list_filter

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentRecord]:
        return super().get_queryset(request).defer("subject")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and super().has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
