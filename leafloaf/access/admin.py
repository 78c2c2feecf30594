from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from leafloaf.access import keys
from leafloaf.access.models import ApiClient, AuditEntry


@admin.register(ApiClient)
class ApiClientAdmin(admin.ModelAdmin[ApiClient]):
    """Look and revoke; a key is made by `manage.py create_api_client`, which can show it."""

    list_display = ["name", "kind", "scope_list", "lookup", "created_at", "revoked_at"]
    list_filter: ClassVar = ["kind"]
    search_fields: ClassVar = ["name"]
    fields = ["name", "kind", "scopes", "allowed_origins", "lookup", "created_at", "revoked_at"]
    readonly_fields = ["kind", "scopes", "lookup", "created_at", "revoked_at"]
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="scopes")
    def scope_list(self, client: ApiClient) -> str:
        return ", ".join(client.scopes)

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiClient]) -> None:
        revoked = queryset.filter(revoked_at=None).update(revoked_at=timezone.now())
        keys.forget()
        self.message_user(request, f"{revoked} keys revoked; other processes follow within 5 seconds.")


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin[AuditEntry]):
    """To look at only; the database refuses changes too."""

    list_display = ["at", "actor", "action", "target", "reason", "details"]
    list_filter: ClassVar = ["at"]
    search_fields: ClassVar = ["actor__exact", "action__exact", "target__exact"]
    search_help_text = "A whole name, act or target."
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, entry: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, entry: AuditEntry | None = None) -> bool:
        return False
