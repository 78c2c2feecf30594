from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse

from leafloaf.access import audit_admin, client_admin, token_keys  # noqa: F401 (two of them register themselves)
from leafloaf.access.client_admin import SPEAK
from leafloaf.access.models import TokenKey

FOLLOWED = (
    f"other processes follow within {token_keys.CACHE_SECONDS:g} second{pluralize(token_keys.CACHE_SECONDS)}."
)


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

    def lookup_allowed(self, lookup: str, value: object, request: HttpRequest | None = None) -> bool:
        """Nothing may be asked of a secret, and be it encrypted."""
        return lookup.partition("__")[0] in {*self.list_filter, *self.list_display}

    def get_fields(self, request: HttpRequest, obj: TokenKey | None = None) -> tuple[str, ...]:
        shown = ("created_at", "last_used_at", "revoked_at") if obj else ()
        return TokenKeyForm.Meta.fields + shown

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and request.user.has_perm(SPEAK)

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
        self.message_user(request, f"{revoked} key{pluralize(revoked)} revoked; {FOLLOWED}")
