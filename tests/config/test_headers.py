"""What every answer forbids a browser, whoever made the answer."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from leafloaf.headers import NOTHING_POLICY, PAGE_POLICY, SecurityHeadersMiddleware
from tests.calls import Api

pytestmark = pytest.mark.django_db

PAGES = ["/admin/login/", "/privacy/", "/privacy/certificate/", "/privacy/nothing-here"]
ANSWERS = [
    "/api/v1/products/x",
    "/api/v1/nothing",
    "/api/v1/profile",
    "/health",
    "/nothing-at-all",
    "/admin/none/",
]
REPOSITORY = Path(__file__).parents[2]


def is_guarded(answer: Any, policy: str) -> None:
    assert answer.headers["Content-Security-Policy"] == policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_nothing_that_is_not_a_file_of_this_server(path: str) -> None:
    answer = Client().get(path)
    is_guarded(answer, PAGE_POLICY)
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_pages_of_the_admin_are_such_pages() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    for path in (
        "/admin/",
        "/admin/auth/user/",
        "/admin/catalog/product/add/",
        "/admin/dashboards/backend-health/",
    ):
        answer = client.get(path)
        assert answer.status_code == 200
        is_guarded(answer, PAGE_POLICY)
        assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ANSWERS)
def test_what_is_no_page_may_load_nothing(path: str) -> None:
    answer = Client().get(path)
    if answer.status_code < 300 or answer.status_code >= 400:
        is_guarded(answer, NOTHING_POLICY)
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_policies_allow_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert re.findall(r"default-src ([^;]+)", PAGE_POLICY) == ["'none'"]
    for policy in (PAGE_POLICY, NOTHING_POLICY):
        assert not re.search(r"unsafe|http|data:|blob:|\*|nonce", policy)
        for rule in ("base-uri 'none'", "frame-ancestors 'none'"):
            assert rule in policy


def test_an_error_and_a_refused_host_are_guarded(settings: Settings) -> None:
    is_guarded(Client().get("/api/v1/x", headers={"Host": "evil.example"}), NOTHING_POLICY)
    client = Client(raise_request_exception=False)
    is_guarded(client.post("/api/v1/search", data="{", content_type="application/json"), NOTHING_POLICY)
    is_guarded(client.post("/api/v1/events", headers={"Transfer-Encoding": "chunked"}), NOTHING_POLICY)


def test_a_file_is_guarded_and_may_be_kept() -> None:
    answer = Client().get("/static/admin/css/base.css")
    is_guarded(answer, NOTHING_POLICY)
    assert "no-store" not in answer.headers["Cache-Control"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    answer.close()


def test_a_beacon_may_be_answered_elsewhere(publishable: Api) -> None:
    answer = publishable.post("/api/v1/events", {"events": []})
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_a_view_is_left_its_word() -> None:
    kept = SecurityHeadersMiddleware(
        lambda request: HttpResponse("{}", headers={"Cache-Control": "max-age=5"})
    )
    from django.test import RequestFactory

    assert kept(RequestFactory().get("/api/v1/suggest")).headers["Cache-Control"] == "max-age=5"


def test_https_is_remembered_for_a_year(settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True
    for path in ("/admin/login/", "/api/v1/nothing", "/privacy/", "/static/admin/css/base.css"):
        answer = Client().get(path, secure=True)
        told = answer.headers["Strict-Transport-Security"]
        answer.close()
        assert told.startswith("max-age=31536000; includeSubDomains")


def test_no_template_has_script_or_style_in_it() -> None:
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=\"|javascript:", re.IGNORECASE)
    folders = ["templates", "leafloaf", "capture", "privacy", "personalization"]
    found = [
        f"{file.relative_to(REPOSITORY)}: {match[0]}"
        for folder in folders
        for file in (REPOSITORY / folder).rglob("*.html")
        for match in inline.finditer(file.read_text())
    ]
    assert not found
