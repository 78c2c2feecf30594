"""What people allow, and when they said so: to look at, under the pseudonym."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from privacy import staff_accesses, wording
from privacy.models import ConsentRecord, PrivacySettings

LOOKED = "Looked up by pseudonym in the admin."


class LookOnly(admin.ModelAdmin[Model]):
    """Rows of a person that only the person changes; found by the whole pseudonym."""

    show_full_result_count = False
    list_per_page = 50
    search_fields = ("subject_id",)
    search_help_text = "A whole pseudonym."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not (wanted := search_term.strip()):
            return queryset, False
        try:
            return queryset.filter(subject_id=UUID(wanted)), False
        except ValueError:
            return queryset.none(), False

    def render_change_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The person is told who looked; it is written before anything is shown."""
        if (row := kwargs.get("obj")) is not None:
            page = str(self.opts.verbose_name)
            staff_accesses.write_down(row.subject_id, request.user.get_username(), page, LOOKED)
        return super().render_change_form(request, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(PrivacySettings)
class PrivacySettingsAdmin(LookOnly):
    """Who never changed a setting has no row here, and the defaults."""

    list_display = (
        "subject_id",
        "personalization_enabled",
        "data_retention_days",
        "search_history",
        "purchase_history",
        "price_tracking",
        "household_inference",
        "updated_at",
    )
    ordering = ("-updated_at",)


@admin.register(ConsentRecord)
class ConsentRecordAdmin(LookOnly):
    """Every change of a setting, newest first, with the words that the person was shown."""

    list_display = (
        "at",
        "subject_id",
        "purpose",
        "value_before",
        "value_after",
        "actor",
    )
    list_filter = (
        "purpose",
        "actor",
        "at",
    )
    ordering = ("-id",)
    fields = (
        "subject",
        "purpose",
        "value_before",
        "value_after",
        "words",
        "text_version",
        "actor",
        "at",
    )
    readonly_fields = fields

    @admin.display(description="the words")
    def words(self, row: ConsentRecord) -> str:
        return wording.of(row.text_version, row.purpose)
