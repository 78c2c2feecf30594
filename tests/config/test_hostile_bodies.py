"""What is too deep, too large, too many or a file, sent to a real server: each is refused in the API's own form."""

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from tests.config.application import Web, database_url, environment, web
from tests.config.test_deployment import PRODUCTION

MEBIBYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}
SMUGGLED = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n{}\r\n--x--\r\n'


@pytest.fixture
def server(log: None, tmp_path: Path) -> Iterator[Web]:
    """As a shop runs it: under DEBUG some refusals are Django's own pages."""
    served = {
        **PRODUCTION,
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": database_url(),
        "PYTHONWARNINGS": "",
    }
    key = keys.create("Back end", ApiClient.Kind.SECRET)
    with web(environment(tmp_path, **served), tmp_path, key) as running:
        yield running


def sent(server: Web, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    if path.startswith("/api/"):
        headers["Authorization"] = f"Bearer {server.key}"
    else:  # what the forms of a page bring along
        headers |= {
            "Cookie": f"__Host-leafloaf-csrf={'a' * 32}",
            "Origin": f"https://127.0.0.1:{server.port}",
        }
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # it may answer before it has been told everything
            connection.request("POST", path, body, headers | {"X-Forwarded-Proto": "https"})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def is_refused(answer: tuple[int, dict[str, str], bytes], status: int, code: str) -> None:
    found, headers, body = answer
    assert (found, headers.get("content-type", headers.get("Content-Type"))) == (
        status,
        "application/problem+json",
    ), body
    assert json.loads(body)["code"] == code


def test_bodies_that_no_shop_sends(server: Web) -> None:
    search, events, links = "/api/v1/search", "/api/v1/events", "/privacy/enter"
    deep = b'{"query": "milk", "filters": ' + b'{"a":' * 20 + b"1" + b"}" * 21
    is_refused(sent(server, search, deep, **JSON), 400, "malformed")
    is_refused(sent(server, search, b"[" * 200_000, **JSON), 400, "malformed")
    is_refused(sent(server, search, b" " * (MEBIBYTE + 1), **JSON), 413, "too_large")
    bomb = gzip.compress(b" " * 100 * MEBIBYTE)
    for path in (search, events):
        is_refused(sent(server, path, bomb, **JSON, **{"Content-Encoding": "gzip"}), 413, "too_large")
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    is_refused(sent(server, search, SMUGGLED, **multipart), 415, "unsupported_media_type")
    is_refused(sent(server, links, SMUGGLED, **multipart), 415, "unsupported_media_type")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    many = b"&".join(b"a%d=1" % number for number in range(1001))
    is_refused(sent(server, links, many, **form), 413, "too_large")
    is_refused(sent(server, links, b"a=" + b"x" * MEBIBYTE, **form), 413, "too_large")
    assert sent(server, search, b'{"query": "milk"}', **JSON)[0] == 200, "and it goes on"
    addresses_and_headers_have_an_end(server)


def addresses_and_headers_have_an_end(server: Web) -> None:
    for head in (
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Many: 1\r\n" * 500 + b"\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            assert begun(connection, head) in {b"HTTP/1.1 431", b"HTTP/1.1 414", b"HTTP/1.1 400", b""}


def begun(connection: socket.socket, head: bytes) -> bytes:
    """How the answer begins; with nothing when the server hangs up, perhaps before it has been told everything."""
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(head)
    with suppress(ConnectionResetError):
        return connection.recv(12)
    return b""
