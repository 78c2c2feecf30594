"""A host that is not served here is told so in the API's own form, in a demo and in production."""

import pytest
from django.test import Client
from pytest_django import Settings

from leafloaf.hosts import is_for_programs
from tests.lib.test_problems import problem


@pytest.mark.parametrize("address", ["/api/v1/products/x", "/api/", "/api", "/health", "/health/live"])
@pytest.mark.parametrize("host", ["evil.example", "testserver:x", "[::1", "a_b.example", ".", "a@b"])
@pytest.mark.parametrize("debug", [True, False])
def test_a_host_that_is_not_served_is_a_problem(
    settings: Settings, address: str, host: str, debug: bool
) -> None:
    settings.DEBUG, settings.SECURE_SSL_REDIRECT = debug, not debug
    response = Client().get(address, headers={"Host": host})
    problem(response, 400, "invalid_host")
    assert b"evil.example" not in response.content


def test_no_middleware_asks_for_the_host_before(settings: Settings) -> None:
    before = settings.MIDDLEWARE[: settings.MIDDLEWARE.index("leafloaf.hosts.InvalidHostMiddleware")]
    assert before == [
        "leafloaf.observability.request_log.RequestLogMiddleware",
        "leafloaf.observability.request_times.RequestTimesMiddleware",
        "leafloaf.headers.SecurityHeadersMiddleware",
    ], "which do not ask"


def test_a_preflight_for_another_host_is_one_too(settings: Settings) -> None:
    headers = {"Host": "evil.example", "Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    problem(Client().options("/api/v1/events", headers=headers), 400, "invalid_host")


@pytest.mark.parametrize("path", ["/", "/admin/", "/apiary", "/healthy", "/static/x.css"])
def test_pages_for_people_are_left_to_django(path: str) -> None:
    assert not is_for_programs(path)
