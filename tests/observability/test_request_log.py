"""Each request has an id, which its answer says, and one line in the log when it has been answered."""

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.views import APIView

from leafloaf.lib import request_ids
from leafloaf.observability import request_log
from leafloaf.observability.logs import JsonLine
from privacy.models import Subject
from tests.access.matrix.signed_in import signed_in
from tests.access.signing import es256
from tests.calls import Api, cart

pytestmark = pytest.mark.django_db
GIVEN = "01970000-1111-7000-8000-00000000beef"
MARKED = "mark-of-nobody"


class Failing(APIView):
    permission_classes = ()

    def get(self, request: Request, name: str) -> HttpResponse:
        raise KeyError(name)


def failing_page(request: HttpRequest, name: str) -> HttpResponse:
    raise KeyError(name)


urlpatterns = [
    path("api/fail/<str:name>", Failing.as_view()),
    path("fail/<str:name>", failing_page),
    path("", include("capture.urls")),
]
handler500 = "leafloaf.lib.problems.internal_error"


class Lines(logging.Handler):
    """What this thread logs, as the JSON that would be written; others may still tell of an earlier test."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []
        self.thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.told.append(json.loads(JsonLine().format(record)))


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is."""
    monkeypatch.setattr(request_log, "SLOW_MS", 3_600_000)


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler.told
    root.removeHandler(handler)
    root.setLevel(level)


Told = list[dict[str, Any]]


def test_a_request_has_one_line(secret: Api, lines: Told) -> None:
    answer = secret.get("/api/v1/products/sku-1", **{"X-Request-Id": GIVEN})
    (line,) = lines
    assert line["message"].startswith("GET api/v1/products/<path:sku> 404 in ")
    assert (line["severity"], line["logger"]) == ("INFO", "leafloaf.requests")
    assert (line["method"], line["status"], line["code"]) == ("GET", 404, "not_found")
    assert (line["credential"], line["key"]) == ("secret", secret.key[:11])
    assert line["request_id"] == GIVEN == answer.headers["X-Request-Id"] == answer.json()["request_id"]


def test_a_line_names_the_pseudonym_and_never_the_person(secret: Api, lines: Told) -> None:
    secret.send(cart(user_id="user_ann", session_id="visit_ann"))
    answer = secret.get("/api/v1/profile", **{"X-User-Id": "user_ann"})
    assert answer.status_code == 200, answer.content
    secret.post("/api/v1/search", {"query": "oat milk", "user_id": "user_ann"})
    known = str(Subject.objects.get(user_id="user_ann").pk)
    assert [line.get("subject") for line in lines] == [known, known, known]
    assert not any(word in json.dumps(lines) for word in ("user_ann", "visit_ann", "oat"))


def test_a_user_token_is_told_by_the_key_it_is_signed_with(lines: Told) -> None:
    signer = es256()
    Client().get("/api/v1/profile", headers={"Authorization": f"Bearer {signer.token(sub='user_ann')}"})
    assert (lines[0]["credential"], lines[0]["key"]) == ("user", signer.kid)


def test_staff_are_staff(lines: Told) -> None:
    signed_in(User.objects.create_superuser("olive")).get("/admin/")
    assert lines[-1]["credential"] == "staff"
    assert "olive" not in json.dumps(lines)


@pytest.mark.parametrize(
    "sent",
    ["short", "x" * 65, "with space 1", "ann@shop.example", "a\u00e9bcdefgh", "%0Aforged-1", "-dashed-1"],
)
def test_an_id_that_is_not_well_formed_is_replaced(sent: str, lines: Told) -> None:
    answer = Client().get("/api/v1/search", headers={"X-Request-Id": sent})
    assert UUID(answer.headers["X-Request-Id"]).version == 7
    assert sent not in json.dumps(lines)


def test_requests_without_one_get_different_ids() -> None:
    ids = {Client().get("/health/live").headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert request_ids.current() == ""


@pytest.mark.parametrize("address", ["/health/live", "/health/ready", "/health"])
def test_probes_are_no_news(address: str, lines: Told) -> None:
    Client().get(address)
    assert lines == []


@pytest.mark.parametrize("address", ["/api/fail/", "/fail/"])
def test_what_nobody_expected_is_told_once_with_where_it_was(
    address: str, settings: Settings, lines: Told
) -> None:
    settings.ROOT_URLCONF, settings.DEBUG, settings.SECURE_SSL_REDIRECT = __name__, False, False
    answer = Client(raise_request_exception=False).get(f"{address}{MARKED}")
    assert answer.status_code == 500
    (line,) = lines
    assert (line["severity"], line["status"], line["exception"]) == ("ERROR", 500, "KeyError")
    assert "raise KeyError(name)" in line["stack_trace"]
    assert MARKED not in json.dumps(line)


def test_where_only_warnings_are_wanted_there_are_only_warnings(
    lines: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.getLogger().setLevel(logging.WARNING)
    Client().get("/api/v1/search")
    assert lines == []
    monkeypatch.setattr(request_log, "SLOW_MS", 0)
    Client().get("/api/v1/search")
    assert len(lines) == 1


def test_a_slow_request_is_a_warning(lines: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "SLOW_MS", 0)
    Client().get("/api/v1/search")
    (line,) = lines
    assert line["severity"] == "WARNING"
    assert line["duration_ms"] > 0


def test_an_address_or_method_that_is_not_ours_is_not_told(lines: Told) -> None:
    client = Client(raise_request_exception=False)
    client.get(f"/nowhere/{MARKED}?q={MARKED}")
    client.generic(MARKED, "/api/v1/search")
    client.get("/admin/", headers={"Host": f"{MARKED}.example"})
    client.get("/api/", headers={"Host": f"{MARKED}.example"})
    client.post("/api/v1/events", headers={"Authorization": f"Bearer {MARKED}"})
    assert len(lines) == 5
    assert [line["route"] for line in lines] == [
        "none",
        "api/v1/search",
        "admin/",
        "^api(/|$)",
        "api/v1/events",
    ]
    assert lines[1]["method"] == "OTHER"
    assert MARKED not in json.dumps(lines)
