"""Everything is denied unless a view says otherwise, shown for every address of the API."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.access.permissions import HasScope
from tests.calls import Api

pytestmark = pytest.mark.django_db

NIL = "00000000-0000-0000-0000-000000000000"
OPEN = {"health", "health/live", "health/ready", "api/v1/openapi.json"}


class Undeclared(APIView):
    """A view whose author forgot to say who may call it."""

    def get(self, request: Request) -> Response:
        return Response({"secret": "of the house"})


class Scopeless(APIView):
    """A view whose author forgot to name the scope."""

    permission_classes = (HasScope,)

    def get(self, request: Request) -> Response:
        return Response({"secret": "of the house"})


urlpatterns = [path("forgotten", Undeclared.as_view()), path("scopeless", Scopeless.as_view())]


def found(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern with its whole address."""
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from found(pattern.url_patterns, address)
        else:
            yield address, pattern


def views() -> dict[str, type[APIView]]:
    """The class of every REST framework view, by its address with a value for each parameter."""
    return {
        re.sub("<uuid:[a-z_]+>", NIL, address.replace("<path:sku>", "x")): view
        for address, pattern in found(get_resolver().url_patterns)
        if isinstance(view := getattr(pattern.callback, "view_class", None), type)
        and issubclass(view, APIView)
    }


GUARDED = {address: view for address, view in views().items() if address not in OPEN}
CALLS = [
    (method, f"/{address}")
    for address, view in GUARDED.items()
    for method in view.http_method_names
    if hasattr(view, method) and method != "head"
]


def call(method: str, address: str, authorization: str | None) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    return Client().generic(method.upper(), address, b"{}", "application/json", headers=headers)


def test_the_api_has_addresses_to_guard() -> None:
    assert {("post", "/api/v1/search"), ("post", "/api/v1/events"), ("get", "/api/v1/products/x")} <= set(
        CALLS
    )


def test_whatever_answers_under_api_is_a_view_that_can_be_guarded() -> None:
    unguarded = [
        address
        for address, pattern in found(get_resolver().url_patterns)
        if address.startswith("api/") and not hasattr(pattern.callback, "view_class")
    ]
    assert unguarded == []


@pytest.mark.parametrize("address", [*GUARDED, *OPEN])
def test_every_view_says_itself_who_may_call_it(address: str) -> None:
    assert "permission_classes" in vars(views()[address])


@pytest.mark.parametrize("address", GUARDED)
def test_every_guarded_view_names_a_scope_that_exists(address: str) -> None:
    assert getattr(views()[address], "required_scope", None) in keys.SCOPES


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "sk_alone", "Bearer sk_unknown", "Bearer é\x00"],
)
@pytest.mark.parametrize(("method", "address"), CALLS)
def test_nobody_is_let_in_without_a_key(method: str, address: str, authorization: str | None) -> None:
    refused = call(method, address, authorization)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="leafloaf"'
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "Bearer" in refused.json()["detail"] or authorization in (None, "")


@pytest.mark.parametrize(("method", "address"), CALLS)
def test_a_key_without_the_scope_is_told_so(method: str, address: str) -> None:
    wanted = views()[address.removeprefix("/")].required_scope  # type: ignore[attr-defined]
    key = keys.create("All but one", ApiClient.Kind.SECRET, set(keys.SCOPES) - {wanted})
    refused = call(method, address, f"Bearer {key}")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert "scope" in refused.json()["detail"]


@pytest.mark.parametrize(("method", "address"), CALLS)
def test_the_key_with_only_that_scope_is_let_in(method: str, address: str) -> None:
    wanted = views()[address.removeprefix("/")].required_scope  # type: ignore[attr-defined]
    key = keys.create("Just the one", ApiClient.Kind.SECRET, [wanted])
    assert call(method, address, f"bearer  {key} ").status_code not in (401, 403)


@pytest.mark.parametrize("address", ["/forgotten", "/scopeless"])
def test_a_view_that_forgot_to_say_answers_nobody(secret: Api, settings: Settings, address: str) -> None:
    settings.ROOT_URLCONF = __name__
    refused = secret.get(address)
    assert refused.status_code == 403
    assert b"house" not in refused.content
    assert Client().get(address).status_code == 401


@pytest.mark.parametrize("address", sorted(OPEN))
def test_what_is_open_is_open_to_everybody(address: str) -> None:
    assert Client().get(f"/{address}").status_code == 200
    assert Client().get(f"/{address}", headers={"Authorization": "Bearer wrong"}).status_code == 200
