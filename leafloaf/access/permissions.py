"""What a caller may do. Nothing, unless a view names the scope it asks for or says that it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission

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
    """The caller's key has the scope in the view's `required_scope`."""

    message = "This key lacks the scope for this address."

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope: str = getattr(view, "required_scope", "")
        return isinstance(request.auth, Caller) and scope in request.auth.scopes
