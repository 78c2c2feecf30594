"""Over real HTTP, against the server that `make run` starts: requests with two lengths, odd names, and other hosts."""

import socket
import time
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from privacy.models import Subject
from tests.attacks.wire import PATIENCE_SECONDS, request, say
from tests.config import application

pytestmark = pytest.mark.django_db(transaction=True)
SMUGGLED = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CLOSE = "Connection: close"


@pytest.fixture(scope="module")
def port(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("wire")
    with django_db_blocker.unblock():
        variables = application.environment(folder)
    web = application.web_begun(variables, folder / "web.log")
    application.wait_for(lambda: ready(web.port), "web", folder / "web.log", web.process, seconds=180)
    yield web.port
    application.killed(web.process)


def ready(port: int) -> bool:
    try:
        return say(port, request("GET", "/health/live", CLOSE)).statuses == [200]
    except OSError:
        return False


@pytest.fixture
def bearer() -> str:
    return f"Authorization: Bearer {keys.create('Wire', ApiClient.Kind.SECRET)}"


def length(of: bytes) -> str:
    return f"Content-Length: {len(of)}"


SMUGGLING = [
    ["Content-Length: 0", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: chunked", "Content-Length: 4"],
    ["Content-Length: 4", "Content-Length: 0"],
    ["Content-Length: 4, 0"],
    ["Content-Length: +4"],
    ["Content-Length: 0x4"],
    ["Content-Length: 4 4"],
    ["Content-Length: -1"],
    ["Transfer-Encoding: xchunked", "Content-Length: 4"],
    ["Transfer-Encoding : chunked", "Content-Length: 4"],
    ["Transfer-Encoding:\r\n chunked", "Content-Length: 4"],
    ["Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Content-Length: 4"],
    ["Transfer-Encoding: identity", "Content-Length: 5"],
    ["X: y\r\n Content-Length: 4"],
]


@pytest.mark.parametrize("headers", SMUGGLING)
def test_a_body_of_two_lengths_smuggles_no_second_request(port: int, headers: list[str]) -> None:
    """Whatever cannot be read in one way only is refused, and the connection ends with the answer."""
    told = say(port, request("POST", "/api/v1/search", *headers, body=b"0\r\n\r\n" + SMUGGLED))
    assert len(told.statuses) == 1, told.raw
    assert told.statuses[0] in {400, 411}


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /health/live HTTP/1.1\r\n\r\n",
        b"GET  /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /health/live\0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\rb\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n",
        b"FOO\xff /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)
def test_what_is_no_request_or_for_another_host_is_refused(port: int, raw: bytes) -> None:
    assert say(port, raw).statuses == [400]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"".join(b"X%d: a\r\n" % number for number in range(5000)), 431),
        (b"X: " + b"a" * 2_000_000 + b"\r\n", 431),
    ],
)
def test_a_head_has_an_end(port: int, head: bytes, status: int) -> None:
    told = say(port, b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n")
    assert told.statuses in ([status], [])


@pytest.mark.parametrize(
    "path",
    [
        "/static/../manage.py",
        "/static/%2e%2e/manage.py",
        "/static/..%2f..%2fetc/passwd",
        "/static//etc/passwd",
        "/static/%00",
        "/static/staff/..%5c..%5cmanage.py",
        "/static/staff/%252e%252e/%252e%252e/manage.py",
        "/api/v1/privacy/exports/..%2f..%2fetc%2fpasswd/download",
        "/privacy/export/..%2f..%2fetc%2fpasswd",
    ],
)
def test_no_path_leads_out_of_the_static_files(port: int, path: str) -> None:
    told = say(port, request("GET", path, CLOSE))
    assert told.statuses[0] in {302, 401, 403, 404}
    assert b'DJANGO_SETTINGS_MODULE"' not in told.raw
    assert b"root:" not in told.raw


@pytest.mark.parametrize(
    "path",
    [
        "/%0d%0aX-Evil:%201",
        "/admin%0d%0aX-Evil:%201",
        "/privacy/?lang=fr%0d%0aX-Evil:%201",
        "//evil.example/admin",
    ],
)
def test_an_address_writes_no_header_and_leads_nowhere_else(port: int, path: str) -> None:
    told = say(port, request("GET", path, CLOSE))
    assert told.header("X-Evil") is None
    assert not (told.header("Location") or "/x").startswith("//")


def test_the_method_is_the_one_of_the_request_line(port: int, bearer: str) -> None:
    """Nobody tunnels a DELETE through a POST, nor a POST through a GET."""
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        told = say(
            port,
            request(
                "POST",
                "/api/v1/recommendations/dismissals/X",
                f"{header}: DELETE",
                bearer,
                length(b""),
                CLOSE,
            ),
        )
        assert told.statuses == [405]
    told = say(port, request("GET", "/api/v1/search?_method=POST", bearer, CLOSE))
    assert told.statuses == [405]
    assert say(port, request("TRACE", "/health/live", CLOSE)).statuses == [405]
    assert say(port, request("CONNECT", "127.0.0.1:22", CLOSE, host="127.0.0.1:22")).statuses[0] in {
        400,
        403,
        404,
    }


def test_two_credentials_are_none(port: int, bearer: str) -> None:
    for pair in ([bearer, "Authorization: Bearer x"], ["Authorization: Bearer x", bearer]):
        assert say(port, request("GET", "/api/v1/suggest?q=a", *pair, CLOSE)).statuses == [401]


def test_two_users_are_none_that_is_known(port: int, bearer: str) -> None:
    """`X-User-Id` twice is one odd id, and never one of the two."""
    told = say(
        port,
        request("GET", "/api/v1/privacy/settings", bearer, "X-User-Id: user_a", "X-User-Id: user_b", CLOSE),
    )
    assert told.statuses == [200]
    assert not Subject.objects.filter(user_id__in=["user_a", "user_b"]).exists()


def test_an_origin_is_not_repeated_to_who_may_not_read(port: int, bearer: str) -> None:
    """CORS: only an allowed origin is named, never `*`, never with cookies."""
    for origin in (
        "https://evil.example",
        "null",
        "https://shop.example.evil.example",
        "http://127.0.0.1@evil.example",
    ):
        told = say(port, request("GET", "/api/v1/suggest?q=a", bearer, f"Origin: {origin}", CLOSE))
        assert told.statuses == [403]
        assert told.header("Access-Control-Allow-Origin") is None
        assert told.header("Access-Control-Allow-Credentials") is None
        assert "Origin" in (told.header("Vary") or "")


@pytest.mark.parametrize(
    "path", ["/api/v1/profile", "/api/v1/privacy/settings", "/api/v1/recommendations", "/api/v1/reorder"]
)
def test_nothing_of_a_person_is_kept_on_the_way(port: int, bearer: str, path: str) -> None:
    for target in (path, f"{path}?x.css", f"{path}?cb=1"):
        told = say(port, request("GET", target, bearer, "X-User-Id: user_a", CLOSE))
        if told.statuses == [200]:
            assert "no-store" in (told.header("Cache-Control") or "")
    told = say(port, request("GET", f"{path}/x.css", bearer, "X-User-Id: user_a", CLOSE))
    assert told.statuses == [404]


def test_a_hundred_who_never_finish_keep_nobody_out(port: int) -> None:
    """Slowloris: heads that trickle, and bodies of who has no key (docs/attacks.md has the bodies that are read)."""
    slow = []
    try:
        for number in range(100):
            connection = socket.create_connection(("127.0.0.1", port))
            half = b"Content-Length: 1000\r\n\r\n{" if number % 2 else b""
            connection.sendall(b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nX: y\r\n" + half)
            slow.append(connection)
        assert say(port, request("GET", "/health/live", CLOSE)).statuses == [200]
    finally:
        for connection in slow:
            connection.close()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while say(port, request("GET", "/api/v1/suggest?q=a", CLOSE)).statuses == [503]:  # their turns come first
        assert time.monotonic() < deadline


def test_guessing_finds_no_key(port: int) -> None:
    """Keys have 256 random bits; wrong ones are counted against the address besides."""
    statuses = {
        say(
            port, request("GET", "/api/v1/suggest?q=a", f"Authorization: Bearer sk_{number:043d}", CLOSE)
        ).statuses[0]
        for number in range(50)
    }
    assert statuses <= {401, 429}
