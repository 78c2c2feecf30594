"""What a caller may do. Nothing, unless a view names the scope it asks for or says that it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission

from leafloaf.access import identity
from leafloaf.access.keys import Caller

if TYPE_CHECKING:  # DRF imports this module while it is being imported itself
    from rest_framework.request import Request
    from rest_framework.views import APIView


class Denied(BasePermission):
    """The default: a view that declares nothing answers nobody."""

    message = "This address is not open to callers."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return False


class HasScope(BasePermission):
    """The caller has the scope in the view's `required_scope`.

    A user token beside another user's `X-User-Id` is refused here, for views that never ask for whom they answer.
    """

    message = "This credential lacks the scope for this address."

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            return False
        origin = request.headers.get("Origin")
        if origin and not caller.may_be_used_from(origin) and not is_own(request, origin):
            self.message = f"This credential may not be used from pages of {origin}."
            return False
        if caller.user_id:
            identity.named_user(request, None)
        scope: str = getattr(view, "required_scope", "")
        return scope in caller.scopes


def is_own(request: Request, origin: str) -> bool:
    """Whether the page comes from this very server; browsers name the origin of a POST then too."""
    return origin == f"{request.scheme}://{request.get_host()}"
