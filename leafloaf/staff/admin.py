"""Who was locked out, and who has a second factor: to look at, to unlock and to reset."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.utils import timezone
from django_otp.plugins.otp_static import admin as _static_admin  # noqa: F401 (registers what is taken out here)
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp import admin as _totp_admin  # noqa: F401 (likewise)
from django_otp.plugins.otp_totp.models import TOTPDevice

from leafloaf.staff.models import Authenticator, FailedSignIn
from leafloaf.staff.signing_in import lock_out, second_factor

# Their own pages show secrets, and let anybody's be changed.
admin.site.unregister([StaticDevice, TOTPDevice])


class LookOnly(admin.ModelAdmin[Model]):
    """A row has no page of its own: that would show everything that the table has."""

    list_display_links = None
    list_per_page = 50
    search_help_text = "A whole name."

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and super().has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(FailedSignIn)
class FailedSignInAdmin(LookOnly):
    """A name that nobody has is shown as a trace, for it may be a password that was typed into the wrong field."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time", "is_locked_out")
    search_fields = ("username__startswith", "ip_address__exact")
    search_help_text = "How a name begins, or a whole address."
    ordering = ("-attempt_time",)
    actions = ("unlock",)

    @admin.display(boolean=True, description="locked out")
    def is_locked_out(self, failed: Any) -> bool:
        return lock_out.is_on(failed.all_failures)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return lock_out.with_all_failures(super().get_queryset(request), timezone.now())

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("staff.unlock_signin")

    @admin.action(description="Let them try again", permissions=["unlock"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for failed in (chosen := list(queryset)):
            lock_out.unlock(failed, by=request.user.get_username())
        self.message_user(request, f"{len(chosen)} of them may try again at once.")


@admin.register(Authenticator)
class AuthenticatorAdmin(LookOnly):
    """Never the secret."""

    list_display = ("user", "confirmed", "created_at", "last_used_at", "recovery_codes_left")
    list_select_related = ("user",)
    search_fields = ("user__username__exact",)
    ordering = ("user__username",)
    actions = ("reset",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        left = StaticToken.objects.filter(device__user=OuterRef("user")).order_by().values("device__user")
        counted = left.annotate(count=Count("pk")).values("count")
        devices: QuerySet[Any] = super().get_queryset(request).annotate(left=Coalesce(Subquery(counted), 0))
        return devices

    @admin.display(description="recovery codes left")
    def recovery_codes_left(self, device: Any) -> int:
        return int(device.left)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("staff.reset_authenticator")

    @admin.action(description="Reset: they must set up another", permissions=["reset"])
    def reset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        others = {
            device.user for device in queryset.select_related("user") if device.user_id != request.user.pk
        }
        for user in others:
            second_factor.reset(user, by=request.user.get_username())
        self.message_user(
            request,
            f"{len(others)} second factor{pluralize(len(others))} reset. Your own you change under Two-factor.",
        )
