"""What the shop has learned, in the admin: to look at, and to go back to an earlier version of in one click."""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from capture.admin import LookOnly
from personalization.learning import packing, versions
from personalization.models import LearnedVersion

MAY_USE = "personalization.change_learnedversion"
SHOWN = (
    "made_at", "is_active", "activated_at", "activated_by", "notes_as_lines", "figures_as_table", "lines", "shoppers",
    "products", "days", "is_learned", "is_reorder_learned", "fit_seconds", "peak_megabytes", "size",
)  # fmt: skip


@admin.register(LearnedVersion)
class LearnedVersionAdmin(LookOnly):
    list_display = ("__str__", "is_active", "made_at", "lines", "recall", "auc", "notes", "activated_by")
    fields = readonly_fields = SHOWN
    change_form_template = "personalization/learned_version.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        return super().get_queryset(request).defer("content")

    def get_urls(self) -> list[URLPattern]:
        use = self.admin_site.admin_view(self.use)
        name = "personalization_learnedversion_use"
        return [path("<int:version>/use/", use, name=name), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {"may_use": request.user.has_perm(MAY_USE), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    @method_decorator(require_POST)
    def use(self, request: HttpRequest, version: int) -> HttpResponse:
        """Puts a version to use, and says why when it cannot."""
        if not request.user.has_perm(MAY_USE):
            raise PermissionDenied
        try:
            versions.use(version, request.user.get_username())
        except (LookupError, packing.Broken) as error:
            self.message_user(request, f"{error} The version in use stays.", messages.ERROR)
        else:
            self.message_user(request, f"Version {version} is in use.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:personalization_learnedversion_changelist"))

    @admin.display(description="recall@10")
    def recall(self, row: LearnedVersion) -> str:
        return figure(row, "baskets", "recall")

    @admin.display(description="AUC (7 days)")
    def auc(self, row: LearnedVersion) -> str:
        return figure(row, "reorders", "auc")

    @admin.display(description="notes")
    def notes_as_lines(self, row: LearnedVersion) -> SafeString:
        return format_html_join("", "<p>{}</p>", ((line,) for line in row.notes.splitlines()))

    @admin.display(description="measured on held-out orders")
    def figures_as_table(self, row: LearnedVersion) -> SafeString:
        rows = (
            (part, name, ", ".join(f"{kind} {value:.3f}" for kind, value in values.items()))
            for part, figures in row.figures.items()
            for name, values in figures.items()
        )
        lines = format_html_join("", "<tr><td>{}</td><th scope=row>{}</th><td>{}</td></tr>", rows)
        return format_html("<table>{}</table>", lines)

    @admin.display(description="bytes")
    def size(self, row: LearnedVersion) -> str:
        return f"{len(cast('bytes', row.content)):,}"


def figure(row: LearnedVersion, part: str, name: str) -> str:
    value = row.figures.get(part, {}).get("this fit", {}).get(name)
    return "" if value is None else f"{value:.3f}"
