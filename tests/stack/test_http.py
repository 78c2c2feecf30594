"""The HTTP base of the stand-ins: routing, Google's error shape, and the control routes."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from leafloaf.stack.http import ApiError, App, Request, Response, Server, json_response

NOT_FOUND = {
    "error": {
        "code": 404,
        "message": "No such thing",
        "errors": [{"reason": "notFound", "domain": "global", "message": "No such thing"}],
        "status": "NOT_FOUND",
    }
}


class Counter:
    """A tiny application: counts what was applied, and shows what a handler sees."""

    def __init__(self) -> None:
        self.applied = 0
        self.app = App("counter")
        self.app.add("POST", "/count", self.count)
        self.app.add("GET", "/echo/{name}/in/{place}", self.echo)
        self.app.add("GET", "/chunked", lambda r: Response(200, b"abc", {"Transfer-Encoding": "chunked"}))
        self.app.add("GET", "/missing", self.missing)
        self.app.add("GET", "/broken", self.broken)

    def count(self, request: Request) -> Response:
        self.applied += 1
        return json_response({"applied": self.applied, "sent": request.json()})

    def echo(self, request: Request) -> Response:
        return json_response({**request.params, "q": request.arg("q"), "on": request.flag("on")})

    def missing(self, request: Request) -> Response:
        raise ApiError(404, "notFound", "No such thing")

    def broken(self, request: Request) -> Response:
        raise RuntimeError("a bug")


class Caller:
    def __init__(self, url: str, session: requests.Session) -> None:
        self.url, self.session = url, session

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=60, **options)

    def disturb(self, action: dict[str, Any], **fault: Any) -> None:
        match = fault.pop("match", {"method": "POST", "path": "^/count"})
        answer = self("POST", "/_standin/faults", json={"match": match, "action": action, **fault})
        assert answer.status_code == 200


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def call(counter: Counter) -> Iterator[Caller]:
    with Server(counter.app) as server, requests.Session() as session:
        yield Caller(server.url, session)


def test_an_encoded_slash_does_not_separate(call: Caller) -> None:
    answer = call("GET", "/echo/a%2Fb%20c/in/%C3%A9?q=1&q=2&on=true")
    assert answer.json() == {"name": "a/b c", "place": "é", "q": "2", "on": True}


def test_errors_have_googles_shape(call: Caller) -> None:
    answer = call("GET", "/missing")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 501),
        ("PUT", "/count", 501),
        ("GET", "/echo/%FF/in/x", 400),
        ("GET", "/broken", 500),
    ],
)
def test_what_cannot_be_answered_is_an_error(call: Caller, method: str, path: str, status: int) -> None:
    answer = call(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)


def test_bodies_may_be_zipped_or_chunked(call: Caller) -> None:
    packed = gzip.compress(json.dumps({"a": 1}).encode())
    assert call("POST", "/count", data=packed, headers={"Content-Encoding": "gzip"}).json()["sent"] == {
        "a": 1
    }
    assert call("POST", "/count", data=iter([b'{"a"', b": 2}"])).json()["sent"] == {"a": 2}
    assert call("GET", "/chunked").content == b"abc"


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"'])
def test_a_body_that_is_not_a_json_object_is_refused(call: Caller, body: bytes) -> None:
    assert call("POST", "/count", data=body).status_code == 400
    assert call("POST", "/count", data=b"x", headers={"Content-Encoding": "gzip"}).status_code == 400


def test_a_connection_is_kept_for_many_requests(call: Caller) -> None:
    ports = set()
    for _ in range(3):
        with call("POST", "/count", stream=True) as answer:
            ports.add(answer.raw.connection.sock.getsockname())
            answer.json()
    assert len(ports) == 1


# Control routes


def test_health_says_ok(call: Caller) -> None:
    assert call("GET", "/_standin/health").json() == {"status": "ok"}


def test_a_fault_answers_instead_of_applying(call: Caller, counter: Counter) -> None:
    call.disturb({"status": 503, "headers": {"Retry-After": "1"}}, times=2)
    answers = [call("POST", "/count") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].json()["error"]["errors"][0]["reason"] == "backendError"
    assert answers[0].headers["Retry-After"] == "1"
    assert counter.applied == 1


def test_a_fault_can_apply_first_and_then_fail(call: Caller, counter: Counter) -> None:
    call.disturb({"apply_then": {"status": 504, "body": "<html>timeout</html>", "content_type": "text/html"}})
    answer = call("POST", "/count")
    assert (answer.status_code, answer.text) == (504, "<html>timeout</html>")
    assert counter.applied == 1


@pytest.mark.parametrize(
    ("action", "applied"), [({"hang_up": True}, 0), ({"apply_then": {"hang_up": True}}, 1)]
)
def test_a_fault_can_hang_up(call: Caller, counter: Counter, action: dict[str, Any], applied: int) -> None:
    call.disturb(action)
    with pytest.raises(requests.ConnectionError):
        call("POST", "/count")
    assert counter.applied == applied
    assert call("POST", "/count").status_code == 200


def test_a_fault_can_delay(call: Caller) -> None:
    call.disturb({"delay_seconds": 30})
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{call.url}/count", timeout=0.2)
    assert call("POST", "/count").status_code == 200


def test_a_fault_waits_and_picks_by_method_path_and_body(call: Caller) -> None:
    call.disturb(
        {"status": 429, "reason": "rateLimitExceeded"},
        after=1,
        match={"path": r"count\?x=1", "body": "poison"},
    )
    sent = [("/count?x=1", b'{"poison": 1}'), ("/count?x=1", b"{}"), ("/count", b'{"poison": 1}')]
    assert [call("POST", path, data=body).status_code for path, body in sent] == [200, 200, 200]
    answer = call("POST", "/count?x=1", data=b'{"poison": 1}')
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (429, "rateLimitExceeded")
    (fault,) = call("GET", "/_standin/faults").json()["faults"]
    assert (fault["matched"], fault["fired"]) == (2, 1)


def test_faults_can_be_cleared(call: Caller) -> None:
    call.disturb({"status": 500}, times=100)
    assert call("DELETE", "/_standin/faults").json() == {"faults": []}
    assert call("POST", "/count").status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"action": {"explode": True}},
        {"action": {"status": 500}, "when": "now"},
        {"action": {"status": 500}, "match": {"verb": "GET"}},
        {"action": {"status": 500}, "match": {"path": "("}},
        {"action": {"status": 500, "apply_then": {"status": 500}}},
    ],
)
def test_a_fault_that_is_misspelt_is_refused(call: Caller, fault: dict[str, Any]) -> None:
    assert call("POST", "/_standin/faults", json=fault).status_code == 400


def test_the_clock_moves_when_told(call: Caller, counter: Counter) -> None:
    before = counter.app.clock.now()
    call("POST", "/_standin/clock", json={"advance_seconds": 3600})
    assert (counter.app.clock.now() - before).total_seconds() >= 3600
    assert call("POST", "/_standin/clock", json={"advance_seconds": "soon"}).status_code == 400


def test_requests_are_remembered_but_not_those_to_the_controls(call: Caller) -> None:
    call("POST", "/count?x=1")
    call("GET", "/missing")
    remembered = call("GET", "/_standin/requests").json()["requests"]
    assert remembered == [
        {"method": "POST", "path": "/count?x=1", "status": 200},
        {"method": "GET", "path": "/missing", "status": 404},
    ]
    call("DELETE", "/_standin/requests")
    assert call("GET", "/_standin/requests").json() == {"requests": []}
