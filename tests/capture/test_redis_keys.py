"""No key in Redis that nobody answers for: the whole application writes, and every key must be one that is known."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from celery import Celery
from pytest_django import Settings

from capture import deliver, waiting_room
from capture.events import Search
from capture.sinks import redis_keys
from leafloaf.lib import cache
from leafloaf.stack.throwaway import ThrowawayStack
from privacy import holders, subjects
from privacy.holders import Presence, Scope, Task
from tests.calls import Api, cart, order, search

PAGE = "/api/v1/search"
CLICK = {"event_type": "interaction", "interaction_type": "product_click", "product_id": "A"}
SHOWN = {"event_type": "recommendation_impression", "surface": "home", "product_ids": ["A"]}
VISIT = "visit-of-anna-alone"
NEVER = -1
"""Redis's time to live of what does not end."""


@pytest.fixture
def server(stack: ThrowawayStack, log: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty Redis for everything, the broker too."""
    if "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    monkeypatch.setenv("CELERY_BROKER_URL", stack.environment["REDIS_URL"])  # Celery asks there first
    cache._quiet.until = 0.0
    client = redis.Redis.from_url(stack.environment["REDIS_URL"])
    client.flushall()
    yield client
    client.flushall()
    client.close()


def use_everything(api: Api, settings: Settings) -> None:
    """Every feature that may write into Redis, for a person and for nobody; one limit lives for minutes."""
    settings.THROTTLES = settings.THROTTLES | {"search": "user=60/h"}
    anna: dict[str, Any] = {"user_id": "anna", "session_id": VISIT}
    kinds = [search(suppliers=["Ferme: du Nord"]), cart(), order(), CLICK, SHOWN]
    api.send(*kinds, *(kind | anna | {"event_id": f"a{number}"} for number, kind in enumerate(kinds)))
    api.send(search(session_id=VISIT))
    for _ in range(2):
        for headers in ({"X-User-Id": "anna"}, {}):
            assert api.post(PAGE, {"query": "milk", "session_id": VISIT}, **headers).status_code == 200
        for path in ("recommendations", "reorder", "profile", "graph", "suggest?q=mi"):
            assert api.get(f"/api/v1/{path}", **{"X-User-Id": "anna"}).status_code == 200
    waiting_room.put(Search(event_id="w", query="milk", session_id=VISIT), datetime.now(UTC))
    deliver.drain("redis", is_final=True)
    use_the_broker()


def use_the_broker() -> None:
    """A few wake-ups, and a call to all workers."""
    with Celery("leafloaf", set_as_current=False) as app:
        app.send_task("capture.tasks.drain", args=["redis"], ignore_result=True)
        app.send_task("capture.tasks.drain", args=["redis"], priority=6, ignore_result=True)
        app.control.ping(timeout=0.1)


def unknown(client: Any, prefix: str) -> list[str]:
    names = (name.decode() for name in client.scan_iter(count=1000))
    return [name for name in names if not redis_keys.kinds_of(name, prefix)]


def test_every_key_that_the_application_writes_is_known(server: Any, secret: Api, settings: Settings) -> None:
    use_everything(secret, settings)
    assert unknown(server, settings.REDIS_PREFIX) == []
    names = [name.decode() for name in server.scan_iter()]
    met = {kind.pattern for name in names for kind in redis_keys.kinds_of(name, settings.REDIS_PREFIX)}
    passing = {
        kind.pattern for kind in redis_keys.ALL if kind.lives in {"3 seconds", "while somebody listens"}
    }
    assert {kind.pattern for kind in redis_keys.ALL} - met <= passing
    for name in names:
        if name.startswith(settings.REDIS_PREFIX):
            assert server.pttl(name) != NEVER, name  # gone meanwhile is -2: a limit may live for milliseconds


def test_a_key_that_nobody_answers_for_is_noticed(server: Any, settings: Settings) -> None:
    for name in (f"{settings.REDIS_PREFIX}user:anna:profile", f"{settings.REDIS_PREFIX}recent:x", "search:x"):
        server.set(name, 1)
    assert len(unknown(server, settings.REDIS_PREFIX)) == 3


def test_whatever_holds_something_of_a_person_has_a_holder_that_reads_it(
    server: Any, secret: Api, settings: Settings
) -> None:
    assert {kind.holder for kind in redis_keys.ALL} - {""} <= set(settings.DATA_HOLDERS)
    use_everything(secret, settings)
    person = subjects.resolve(["anna"])["anna"]
    holder = holders.get(redis_keys.HOLDER)
    scope = Scope(person, (VISIT,))
    task = Task(scope, holder.plan(scope), datetime.now(UTC))
    assert holder.verify(task).presence == Presence.PRESENT
    holder.erase([task])
    assert holder.verify(task).presence == Presence.ABSENT
    mark = str(person).encode()
    held = {name for name in server.scan_iter() if mark in name or mark in (server.dump(name) or b"")}
    assert held == set()
