"""More than a web process can do, on a real server: refused in time, nothing lost that was accepted, then as before."""

import http.client
import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import RequestFactory, override_settings

from leafloaf import checks, overload
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.overload import RETRY_SECONDS, OverloadMiddleware, threads_needed
from tests.calls import cart
from tests.config import application
from tests.config.application import Web

PLACES = 2
IMPATIENT = {"WEB_WAITING": "4", "WEB_WAIT_SECONDS": "1"}
ONE_PATIENT = {"WEB_WAITING": "1", "WEB_WAIT_SECONDS": "60"}
STUCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
ORIGIN = "https://shop.example"

Answer = tuple[int, Any, Any]


@pytest.fixture(params=[IMPATIENT])
def server(log: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Web]:
    """Its parameter says how many requests wait for a place, and for how long."""
    key = keys.create("Front end", ApiClient.Kind.PUBLISHABLE, origins=[ORIGIN])
    asked = {"WEB_PLACES": str(PLACES)} | request.param
    variables = application.environment(tmp_path, **asked) | application.switched(False, False, False)
    with application.web(variables, tmp_path, key) as started:
        yield started


def ask(server: Web, method: str, path: str, body: Any = None) -> Answer:
    asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=40)
    headers = {"Content-Type": "application/json", "Origin": ORIGIN}
    if path.startswith("/api"):
        headers["Authorization"] = f"Bearer {server.key}"
    asked.request(method, path, json.dumps(body) if body else None, headers)
    answer = asked.getresponse()
    text = answer.read()
    asked.close()
    is_json = "json" in answer.headers.get("Content-Type", "")
    return answer.status, answer.headers, json.loads(text) if is_json else text


def send(server: Web, event_id: str) -> Answer:
    return ask(server, "POST", "/api/v1/events", cart(event_id=event_id))


def search(server: Web) -> Answer:
    return ask(server, "POST", "/api/v1/search", {"query": "milk"})


@contextmanager
def log_locked() -> Iterator[Callable[[], int]]:
    """Whoever stores an event waits; gives how many do."""
    with psycopg.connect(application.database_url()) as blocker:
        blocker.execute("LOCK TABLE capture_eventkey IN EXCLUSIVE MODE")
        with psycopg.connect(application.database_url(), autocommit=True) as looking:
            yield lambda: looking.execute(STUCK).fetchone()[0]  # type: ignore[index]
        blocker.rollback()


def logged() -> Counter[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id FROM capture_event WHERE event_type = 'cart'")
        return Counter(event_id for (event_id,) in cursor.fetchall())


def assert_refused(answer: Answer) -> None:
    status, headers, document = answer
    assert (status, document["code"], document["status"]) == (503, "overloaded", 503)
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Retry-After"]) in RETRY_SECONDS
    assert headers["Access-Control-Allow-Origin"] == ORIGIN  # a page can read that it was refused
    assert "Retry-After" in headers["Access-Control-Expose-Headers"]


def begun(pool: ThreadPoolExecutor, server: Web, stuck: Callable[[], int], log: Path) -> list[Future[Answer]]:
    """Events that fill every place."""
    working = [pool.submit(send, server, f"working-{place}") for place in range(PLACES)]
    application.wait_for(lambda: stuck() == PLACES, "all places taken", log, server.process)
    return working


def test_what_is_too_much_is_refused_in_time_and_what_was_accepted_is_kept(
    server: Web, tmp_path: Path
) -> None:
    log = tmp_path / "web.log"
    with ThreadPoolExecutor(PLACES + 20) as pool:
        with log_locked() as stuck:
            working = begun(pool, server, stuck, log)
            refused = [pool.submit(send, server, f"refused-{number}") for number in range(20)]
            for future in refused:
                assert_refused(future.result(timeout=60))
            assert_refused(search(server))
            assert ask(server, "GET", "/health")[0] == 200
            assert ask(server, "GET", "/health/ready")[0] == 200
            assert ask(server, "GET", "/admin/login/")[0] == 200
            assert ask(server, "GET", "/privacy/")[0] < 500
            assert not any(future.done() for future in working)
        assert [future.result()[0] for future in working] == [202] * PLACES
    assert search(server)[0] == 200
    assert send(server, "after")[0] == 202
    assert logged() == {"working-0": 1, "working-1": 1, "after": 1}


@pytest.mark.parametrize("server", [ONE_PATIENT], indirect=True)
def test_who_waits_gets_the_place_that_is_left(server: Web, tmp_path: Path) -> None:
    """One of two more can wait; the refusal of the other says that it does."""
    with ThreadPoolExecutor(PLACES + 2) as pool:
        with log_locked() as stuck:
            working = begun(pool, server, stuck, tmp_path / "web.log")
            more = [pool.submit(send, server, "more") for _ in range(2)]
            refused, waiting = wait(more, 20, FIRST_COMPLETED)
            assert len(waiting) == 1
            assert_refused(refused.pop().result())
        assert {future.result()[0] for future in [*working, *waiting]} == {202}
    assert logged() == {"working-0": 1, "working-1": 1, "more": 1}


@override_settings(WEB_PLACES=1, WEB_WAITING=2, WEB_WAIT_SECONDS=30)
def test_reads_are_refused_while_events_may_still_wait() -> None:
    middleware = OverloadMiddleware(lambda request: pytest.fail("nobody gets in"))
    assert middleware.patience("/api/v1/events") == (2, 30)
    assert middleware.patience("/api/v1/search") == (1, 30)


@pytest.mark.parametrize(
    "path", ["/health", "/health/ready", "/metrics", "/admin/", "/api/v1/privacy/settings"]
)
@override_settings(WEB_PLACES=1, WEB_WAITING=0)
def test_a_full_shop_keeps_nobody_else_out(path: str) -> None:
    middleware = OverloadMiddleware(lambda request: answer)
    answer: Any = object()
    assert middleware.shop.enter(0, 0)
    assert middleware(RequestFactory().get("/api/v1/suggest")).status_code == 503
    assert middleware(RequestFactory().get(path)) is answer


@pytest.mark.parametrize("path", ["/health", "/metrics", "/leafloaf.js", "/leafloaf-1.0.0.mjs"])
@override_settings(WEB_PLACES=1, WEB_WAITING=0)
def test_probes_and_the_script_of_the_pages_need_no_place(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "STAFF_WAITING", 0)
    middleware = OverloadMiddleware(lambda request: answer)
    answer: Any = object()
    for lane in (middleware.shop, middleware.staff):
        while lane.enter(0, 0):
            pass
    assert middleware(RequestFactory().get("/admin/")).status_code == 503
    assert middleware(RequestFactory().get(path)) is answer


@override_settings(WEB_PLACES=1, WEB_WAITING=0)
def test_a_request_that_fails_leaves_its_place() -> None:
    def fail(request: object) -> Any:
        raise ZeroDivisionError

    middleware = OverloadMiddleware(fail)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            middleware(RequestFactory().get("/api/v1/suggest"))
    assert middleware.shop.free == 1


def test_too_few_threads_stop_the_start() -> None:
    assert checks.threads_are_enough() == []
    with override_settings(WEB_THREADS=threads_needed() - 1):
        [complaint] = checks.threads_are_enough()
    assert complaint.id == "leafloaf.E004"
    assert "WEB_THREADS is" in complaint.msg
