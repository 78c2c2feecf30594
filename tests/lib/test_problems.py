"""Every error of the API is a problem document, and none tells more than it should."""

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leafloaf.lib import problems
from tests.calls import Api

MEMBERS = {"type", "title", "status", "detail", "code", "errors", "request_id"}
SECRET_TEXT = "password=hunter2 at 10.0.0.7"


class Failing(APIView):
    """Raises what its address names."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request, name: str) -> Response:
        raise ERRORS[name]


class Unrenderable(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({"text": "\ud800"})


def plain(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(SECRET_TEXT)


ERRORS: dict[str, Exception] = {
    "bug": RuntimeError(SECRET_TEXT),
    "cause": ValueError(SECRET_TEXT),
    "database": OperationalError(SECRET_TEXT),
    "connection": InterfaceError(SECRET_TEXT),
    "wait": Throttled(wait=2.4),
    "nothing": Http404(SECRET_TEXT),
    "forbidden": PermissionDenied(SECRET_TEXT),
    "large": problems.TooLarge("Send less."),
    "invalid": problems.Invalid("No.", errors=[{"pointer": "/a", "code": "c", "detail": "d"}]),
}
urlpatterns = [
    path("api/fail/<str:name>", Failing.as_view()),
    path("api/unrenderable", Unrenderable.as_view()),
    path("api/plain", plain),
]
handler404 = "leafloaf.lib.problems.not_found"
handler500 = "leafloaf.lib.problems.internal_error"


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document, after looking at its form."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(response.content)
    assert set(document) == MEMBERS
    assert (document["status"], document["code"]) == (status, code)
    assert document["type"] == f"urn:leafloaf:problem:{code}"
    assert document["title"] == problems.TITLES[status]
    assert document["detail"]
    assert all(set(error) == {"pointer", "code", "detail"} for error in document["errors"])
    return document


@pytest.fixture
def failing(settings: Settings) -> Client:
    """A client of the addresses above."""
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("bug", 500, "internal_error"),
        ("cause", 500, "internal_error"),
        ("database", 503, "database_away"),
        ("connection", 503, "database_away"),
        ("wait", 429, "throttled"),
        ("nothing", 404, "not_found"),
        ("forbidden", 403, "permission_denied"),
        ("large", 413, "too_large"),
        ("invalid", 422, "invalid"),
    ],
)
@pytest.mark.parametrize("debug", [True, False])
def test_an_error_says_what_to_do_and_nothing_of_the_inside(
    failing: Client, settings: Settings, name: str, status: int, code: str, debug: bool
) -> None:
    settings.DEBUG, settings.SECURE_SSL_REDIRECT = debug, False
    response = failing.get(f"/api/fail/{name}")
    problem(response, status, code)
    assert b"hunter2" not in response.content
    assert b"Traceback" not in response.content


def test_who_should_come_back_is_told_when(failing: Client) -> None:
    assert failing.get("/api/fail/wait").headers["Retry-After"] == "3"
    assert failing.get("/api/fail/database").headers["Retry-After"] == "5"


@pytest.mark.parametrize("address", ["/api/plain", "/api/unrenderable"])
def test_an_error_outside_the_views_leaks_nothing_either(
    failing: Client, settings: Settings, address: str
) -> None:
    settings.DEBUG, settings.SECURE_SSL_REDIRECT = False, False
    problem(failing.get(address), 500, "internal_error")


def test_pointers_lead_into_nested_fields_and_lists() -> None:
    detail = {"message": "no", "code": "bad"}
    nested = {
        "items": [{}, {"a/b": [detail]}],
        "tags": {1: [detail]},
        "non_field_errors": [detail],
        "x": [detail] * 2,
    }
    assert [(error["pointer"], error["code"]) for error in problems.pointed(nested)] == [
        ("/items/1/a~1b", "bad"),
        ("/tags/1", "bad"),
        ("", "bad"),
        ("/x", "bad"),
        ("/x", "bad"),
    ]


UNKNOWN = [
    "/api",
    "/api/",
    "/api/v1/",
    "/api/v1/unknown",
    "/api/v1/search/",
    "/api/v2/search",
    "/api/v1/search%0a",
]


@pytest.mark.parametrize("address", UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("debug", [True, False])
def test_an_unknown_address_is_a_problem_in_a_demo_too(
    settings: Settings, address: str, method: str, debug: bool
) -> None:
    settings.DEBUG, settings.SECURE_SSL_REDIRECT = debug, False
    response = Client(enforce_csrf_checks=True).generic(method, address, b"{}", "application/json")
    problem(response, 404, "not_found")


def test_an_unknown_host_is_a_problem(settings: Settings) -> None:
    settings.DEBUG, settings.SECURE_SSL_REDIRECT = False, False
    problem(Client().get("/api/v1/products/x", headers={"Host": "evil.example"}), 400, "invalid_host")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "method"),
    [
        ("/api/v1/search", "GET"),
        ("/api/v1/events", "PUT"),
        ("/api/v1/products/x", "POST"),
        ("/health", "POST"),
    ],
)
def test_another_method_is_said_not_to_be_allowed(secret: Api, address: str, method: str) -> None:
    response = secret.client.generic(method, address, headers={"Authorization": f"Bearer {secret.key}"})
    problem(response, 405, "method_not_allowed")
    assert response.headers["Allow"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/api/v1/search", "/api/v1/events"])
@pytest.mark.parametrize(
    "content_type",
    ["application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
def test_another_media_type_is_said_not_to_be_taken(secret: Api, address: str, content_type: str) -> None:
    problem(secret.post(address, b"a=b", content_type=content_type), 415, "unsupported_media_type")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/api/v1/search", "/api/v1/events"])
def test_an_answer_in_another_format_cannot_be_had(secret: Api, address: str) -> None:
    problem(secret.post(address, {"query": "milk"}, Accept="text/html"), 406, "not_acceptable")
    assert secret.post("/api/v1/search", {"query": "milk"}, Accept="text/html,*/*;q=0.1").status_code == 200


@pytest.mark.django_db
def test_malformed_json_is_said_to_be(secret: Api) -> None:
    problem(secret.post("/api/v1/search", b'{"query": '), 400, "malformed")


@pytest.mark.django_db
def test_a_wrong_field_is_pointed_at(secret: Api) -> None:
    document = problem(
        secret.post("/api/v1/search", {"query": "x", "filters": {"brand": [1, {}]}}), 422, "invalid"
    )
    assert [error["pointer"] for error in document["errors"]] == [
        "/filters/brand/0",
        "/filters/brand/1",
    ]
