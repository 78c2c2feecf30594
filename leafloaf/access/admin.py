from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.utils import timezone

from leafloaf.access import keys, token_keys
from leafloaf.access.models import ApiClient, AuditEntry, TokenKey


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


class TokenKeyForm(ModelForm[TokenKey]):
    class Meta:
        model = TokenKey
        fields = ("name", "algorithm", "public_key", "kid", "not_before")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                token_keys.check(TokenKey(**cleaned))
            except token_keys.BadTokenKey as error:
                self.add_error(error.field, str(error))
        return cleaned


@admin.register(TokenKey)
class TokenKeyAdmin(admin.ModelAdmin[TokenKey]):
    """Add, look and revoke. A secret is on the page that answers the adding, and never again anywhere."""

    form = TokenKeyForm
    list_display = ("name", "kid", "algorithm", "not_before", "last_used_at", "revoked_at")
    list_filter = ("algorithm",)
    search_fields = ("name", "kid__exact")
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: TokenKey | None = None) -> tuple[str, ...]:
        shown = ("created_at", "last_used_at", "revoked_at") if obj else ()
        return TokenKeyForm.Meta.fields + shown

    def has_change_permission(self, request: HttpRequest, obj: TokenKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TokenKey | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("access.change_tokenkey")

    def save_model(self, request: HttpRequest, obj: TokenKey, form: Any, change: bool) -> None:
        obj.secret_once = token_keys.add(obj, by=request.user.get_username())

    def response_add(
        self, request: HttpRequest, obj: TokenKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        if not obj.secret_once:
            return super().response_add(request, obj, post_url_continue)
        context = self.admin_site.each_context(request) | {
            "title": f"{obj.name}: its secret",
            "opts": self.opts,
            "key": obj,
        }
        return TemplateResponse(request, "access/token_key_secret.html", context)

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[TokenKey]) -> None:
        revoked = token_keys.revoke(queryset, by=request.user.get_username())
        self.message_user(
            request, f"{revoked} key{pluralize(revoked)} revoked; other processes follow within 5 seconds."
        )


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
