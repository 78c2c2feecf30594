"""API clients in the admin: added, changed, rotated, revoked. A key is on the page that answers, and nowhere after."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from leafloaf.access import audit, clients, keys, origins
from leafloaf.access.client_forms import ClientForm, RevokeForm, RotateForm
from leafloaf.access.models import ApiClient

ROTATE = "access.rotate_apiclient"
SPEAK = "access.speak_for_users"
MOST_KEYS = 50
FOLLOWED = f"Other processes follow within {keys.CACHE_SECONDS:g} second{pluralize(keys.CACHE_SECONDS)}."


@admin.register(ApiClient)
class ApiClientAdmin(admin.ModelAdmin[ApiClient]):
    form = ClientForm
    list_display = ("name", "kind", "scope_list", "last_used_at", "created_at", "revoked_at")
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "keys__lookup__exact")
    search_help_text = "A name, or the first 11 characters of a key."
    change_form_template = "access/api_client.html"
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiClient]:
        return super().get_queryset(request).annotate(used_at=Max("keys__last_used_at"))

    def get_fields(self, request: HttpRequest, obj: ApiClient | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("name", "kind", "scopes", "allowed_origins", "ends_on")
        if not self.has_change_permission(request, obj):
            return ("name", "kind", "scopes", "allowed_origins", "created_at", "revoked_at")
        if obj.kind == ApiClient.Kind.SECRET and not request.user.has_perm(SPEAK):
            return ("name", "kind", "scopes", "created_at", "revoked_at")
        own = "scopes" if obj.kind == ApiClient.Kind.SECRET else "allowed_origins"
        return ("name", "kind", own, "created_at", "revoked_at")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiClient | None = None) -> tuple[str, ...]:
        """What the audit calls a client by is never another."""
        if obj is None:
            return ()
        is_closed = obj.kind == ApiClient.Kind.SECRET and not request.user.has_perm(SPEAK)
        return ("name", "kind", "created_at", "revoked_at", *(("scopes",) if is_closed else ()))

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> type[ClientForm]:
        made: Any = super().get_form(request, *args, **kwargs)
        made.may_speak_for_users = request.user.has_perm(SPEAK)
        return made  # type: ignore[no-any-return]

    def has_delete_permission(self, request: HttpRequest, obj: ApiClient | None = None) -> bool:
        """Of a client that nobody ever was, one by one; the audit and the log of others need somebody to refer to."""
        return obj is not None and super().has_delete_permission(request, obj) and not clients.is_used(obj)

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ROTATE)

    @admin.display(description="scopes")
    def scope_list(self, client: ApiClient) -> str:
        return ", ".join(client.scopes)

    @admin.display(description="last used", ordering="used_at")
    def last_used_at(self, client: ApiClient) -> Any:
        return client.used_at  # type: ignore[attr-defined]

    # Adding and changing

    def save_model(self, request: HttpRequest, obj: ApiClient, form: Any, change: bool) -> None:
        by = request.user.get_username()
        if change:
            clients.change(obj, scopes=obj.scopes, origins=obj.allowed_origins, by=by)
        else:
            obj.key_once = keys.register(obj, expires_at=form.cleaned_data["ends_on"], by=by)
        if origins.ANY in obj.allowed_origins:
            messages.warning(request, f"Pages of every origin (*) may use the keys of {obj.name}.")

    def response_add(
        self, request: HttpRequest, obj: ApiClient, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._show_once(request, obj, obj.key_once or "")

    def delete_model(self, request: HttpRequest, obj: ApiClient) -> None:
        with transaction.atomic():
            audit.record(request.user.get_username(), "delete API client", obj.name)
            super().delete_model(request, obj)
            transaction.on_commit(keys.forget)

    # Rotating and revoking

    def get_urls(self) -> list[URLPattern]:
        def page(name: str, view: Any) -> URLPattern:
            guarded: Any = self.admin_site.admin_view(never_cache(view))
            found: URLPattern = path(f"<uuid:pk>/{name}/", guarded, name=f"access_apiclient_{name}")
            return found

        return [page("rotate", self.rotate_view), page("revoke", self.revoke_view), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        client = self.get_object(request, object_id)
        known = list(client.keys.all()[:MOST_KEYS]) if client else []
        may_revoke = bool(client and not client.revoked_at and self.has_rotate_permission(request))
        context = {
            "keys": known,
            "may_revoke": may_revoke,
            "may_rotate": bool(may_revoke and client and may_have_key(request, client)),
            "now": timezone.now(),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def rotate_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        client = self._working_client(request, pk)
        if not may_have_key(request, client):
            raise PermissionDenied
        form = RotateForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._question(request, client, form, f"Rotate the key of {client.name}", "Make a new key")
        asked = form.cleaned_data
        by = request.user.get_username()
        key = clients.rotate(client, by=by, overlap=asked["overlap"], expires_at=asked["ends_on"])
        return self._show_once(request, client, key)

    def revoke_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        client = self._working_client(request, pk)
        form = RevokeForm(client, request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._question(request, client, form, f"Revoke {client.name}", "Revoke")
        by, key = request.user.get_username(), form.cleaned_data["what"]
        if key:
            clients.revoke_key(key, by=by)
        else:
            clients.revoke([client], by=by)
        self.message_user(request, f"{key or client} is revoked. {FOLLOWED}", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:access_apiclient_change", args=[client.pk]))

    @admin.action(description="Revoke the selected clients with all their keys", permissions=["rotate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiClient]) -> None:
        revoked = clients.revoke(queryset, by=request.user.get_username())
        self.message_user(request, f"{revoked} client{pluralize(revoked)} revoked. {FOLLOWED}")

    def _working_client(self, request: HttpRequest, pk: UUID) -> ApiClient:
        if not (self.has_rotate_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        return get_object_or_404(ApiClient, pk=pk, revoked_at=None)

    def _question(
        self, request: HttpRequest, client: ApiClient, form: Form, title: str, button: str
    ) -> TemplateResponse:
        context = self._context(request, client, title) | {"form": form, "button": button}
        return TemplateResponse(request, "access/api_client_question.html", context)

    def _show_once(self, request: HttpRequest, client: ApiClient, key: str) -> TemplateResponse:
        context = self._context(request, client, f"{client.name}: its new key") | {"key": key}
        return TemplateResponse(request, "access/api_key_shown.html", context)

    def _context(self, request: HttpRequest, client: ApiClient, title: str) -> dict[str, Any]:
        return self.admin_site.each_context(request) | {"title": title, "opts": self.opts, "client": client}


def may_have_key(request: HttpRequest, client: ApiClient) -> bool:
    """Whether this member of staff may be shown a new key of the client: who has a secret one reads anybody's data."""
    return client.kind == ApiClient.Kind.PUBLISHABLE or request.user.has_perm(SPEAK)
