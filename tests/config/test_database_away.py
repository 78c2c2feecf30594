"""A database that goes away and comes back: 503 meanwhile, from a real server, and everything as before after."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.stack import ports
from tests.calls import cart
from tests.config import application
from tests.config.relay import Relay

CALLS = [
    ("GET", "/health", None),
    ("GET", "/health/ready", None),
    ("GET", "/api/v1/products/x", None),
    ("POST", "/api/v1/search", {"query": "milk"}),
    ("POST", "/api/v1/events", {"events": [cart()]}),
]
WELL = [200, 200, 404, 200, 202]


@pytest.fixture
def relay(log: None) -> Iterator[Relay]:
    """A way to this session's Postgres that can be closed and opened again."""
    with Relay(ports.any_free(), int(connection.settings_dict["PORT"])) as opened:
        yield opened


def statuses(server: application.Web) -> list[int]:
    """The status of each call, all sent at once: while the database is away each waits for it a while."""
    with ThreadPoolExecutor(len(CALLS)) as pool:
        return list(pool.map(lambda call: status(server, *call), CALLS))


def status(server: application.Web, method: str, path: str, body: Any) -> int:
    asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=40)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    asked.request(method, path, json.dumps(body) if body else None, headers)
    answer = asked.getresponse()
    document = json.loads(answer.read())
    asked.close()
    if answer.status == 503:
        assert int(answer.headers["Retry-After"]) > 0
        if path == "/health":
            assert document["status"] == "unhealthy"
        else:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert document["code"] == "database_away"
    return answer.status


def test_a_database_that_goes_away_is_told_and_one_that_comes_back_is_used(
    relay: Relay, tmp_path: Path
) -> None:
    key = keys.create("Back end", ApiClient.Kind.SECRET)
    variables = application.environment(tmp_path, DATABASE_URL=application.database_url(relay.port))
    variables |= application.switched(False, False, False)
    with application.web(variables, tmp_path, key) as server:
        assert statuses(server) == WELL
        relay.close_way()
        assert statuses(server) == [503] * 5
        assert server.get("/health/live").status == 200
        relay.open_way()
        application.wait_for(
            lambda: server.get("/health/ready").status == 200,
            "ready again",
            tmp_path / "web.log",
            server.process,
        )
        assert statuses(server) == WELL
    said = (tmp_path / "web.log").read_text()
    assert connection.settings_dict["PASSWORD"] not in said
    assert key not in said


def test_a_server_starts_and_says_so_while_the_database_is_away(log: None, tmp_path: Path) -> None:
    variables = application.environment(tmp_path, DATABASE_URL=application.database_url(ports.any_free()))
    with application.web(variables, tmp_path, "sk_any", path="/health/live") as server:
        assert server.get("/health/ready").status == 503
