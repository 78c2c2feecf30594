"""Redis is read again key by key: whatever is left of a person is found, once for many, and of each their own."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from pytest_django import Settings

from capture.holders import redis as holders
from capture.sinks.redis import RedisSink
from privacy.holders import Presence, Scope
from tests.capture.every_word import every_word as every_word
from tests.capture.test_redis_holder import (
    ABSENT,
    HOLDER,
    NOW,
    SESSIONS,
    bought,
    contents,
    crowd,
    deliver,
    found,
    looked,
    searched,
    task,
)
from tests.capture.test_redis_holder import shop as shop

PLANTED: dict[str, Callable[[redis.Redis, str, str], Any]] = {
    "string": lambda client, key, mark: client.set(key, f"x{mark}y"),
    "hash field": lambda client, key, mark: client.hset(key, mark, "1"),
    "hash value": lambda client, key, mark: client.hset(key, "a", f"x{mark}"),
    "set": lambda client, key, mark: client.sadd(key, mark),
    "sorted set": lambda client, key, mark: client.zadd(key, {f"{mark}!": 1}),
    "list": lambda client, key, mark: client.rpush(key, "a", mark),
    "key": lambda client, key, mark: client.set(f"{key}:{mark}:x", "1"),
    "large hash": lambda client, key, mark: client.hset(key, items=["x", mark, *map(str, range(6_000))]),
    "large set": lambda client, key, mark: client.sadd(key, mark, *map(str, range(3_000))),
    "large sorted set": lambda client, key, mark: client.zadd(
        key, {str(n): n for n in range(3_000)} | {mark: 5_000}
    ),
    "large list": lambda client, key, mark: client.rpush(key, *map(str, range(3_000)), mark),
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_pseudonym_planted_anywhere_is_found(shop: RedisSink, place: str) -> None:
    person = uuid4()
    one = task(Scope(person))
    deliver(shop, crowd([uuid4(), uuid4()], 50))
    assert found(one) == ABSENT
    PLANTED[place](shop.client, f"{shop.prefix}supplier:x", str(person))
    assert found(one) == (Presence.PRESENT, 1)


def test_a_search_of_a_visit_is_found_without_any_trace_of_it(shop: RedisSink) -> None:
    one = task(Scope(uuid4(), SESSIONS))
    shop.client.hset(f"{shop.prefix}search:lost", mapping={"query": "x", "session_id": SESSIONS[1]})
    assert found(one) == (Presence.PRESENT, 1)


def test_a_word_that_is_also_the_id_of_a_visit_is_no_find(shop: RedisSink) -> None:
    deliver(shop, [searched("web", user_id=str(uuid4()), session_id="other")])
    assert found(task(Scope(uuid4(), ("web", "product_search")))) == ABSENT


def test_what_a_snapshot_brought_back_is_found_and_goes_again(shop: RedisSink) -> None:
    person = uuid4()
    events = [searched("milk", user_id=str(person)), bought("A", user_id=str(uuid4()))]
    deliver(shop, events)
    one = task(Scope(person))
    names = list(shop.client.scan_iter(f"{shop.prefix}*"))
    saved = {name: shop.client.dump(name) for name in names}
    HOLDER.erase([one])
    assert found(one) == ABSENT
    after = contents(shop)
    for name, value in saved.items():
        shop.client.restore(name, 60_000, value, replace=True)  # type: ignore[arg-type]
    assert found(one)[0] == Presence.PRESENT
    HOLDER.erase([one])
    assert found(one) == ABSENT
    assert contents(shop) == after


def message(*args: Any) -> str:
    body = base64.b64encode(json.dumps([args, {}, {}]).encode()).decode()
    return json.dumps({"body": body, "headers": {"task": "capture.tasks.drain"}, "properties": {}})


def test_messages_of_celery_are_read_as_what_they_say(shop: RedisSink, settings: Settings) -> None:
    person = uuid4()
    one = task(Scope(person, SESSIONS))
    settings.CELERY_BROKER_URL = shop.url.replace("/0", "") + "/7"
    broker = holders.broker().client
    try:
        broker.rpush("celery", message("redis"))
        assert found(one) == ABSENT
        broker.rpush("celery", message(str(person)), message({"visit": [SESSIONS[0]]}))
        broker.hset("unacked", "tag", json.dumps([json.loads(message(str(person))), "", "celery"]))
        assert found(one) == (Presence.PRESENT, 3)
    finally:
        broker.flushdb()


def test_many_people_are_looked_for_in_one_walk_and_none_has_what_is_another_s(shop: RedisSink) -> None:
    people = [uuid4() for _ in range(4)]
    deliver(shop, crowd(people, 300))
    scopes = [
        Scope(people[0], SESSIONS),
        Scope(people[1], ("visit-1-0", "visit-1-1", "visit-1-2")),
        Scope(people[2]),
    ]
    tasks = [task(scope) for scope in scopes]
    before = [HOLDER.verify(one).found for one in tasks]
    assert [finding.found for finding in HOLDER.verify_all(tasks)] == before
    HOLDER.erase([tasks[1]])
    assert [finding.found for finding in HOLDER.verify_all(tasks)] == [before[0], 0, before[2]]
    assert min(before) > 0


def test_a_retention_among_erasures_is_counted_by_its_own_day(shop: RedisSink) -> None:
    people = [uuid4(), uuid4()]
    deliver(shop, crowd(people, 300))
    old, gone = task(Scope(people[0], SESSIONS, NOW - timedelta(days=9))), task(Scope(people[1]))
    alone = [HOLDER.verify(old).found, HOLDER.verify(gone).found]
    assert [finding.found for finding in HOLDER.verify_all([old, gone])] == alone
    HOLDER.erase([old])
    assert [finding.presence for finding in HOLDER.verify_all([old, gone])] == [
        Presence.ABSENT,
        Presence.PRESENT,
    ]


def test_a_visit_that_two_of_them_name_is_found_for_both(shop: RedisSink) -> None:
    people = [uuid4(), uuid4()]
    deliver(
        shop, [searched("milk", user_id=None, session_id="shared-visit"), looked("A", user_id=str(people[0]))]
    )
    both = [task(Scope(person, ("shared-visit",))) for person in people]
    alone = [HOLDER.verify(one).found for one in both]
    assert min(alone) > 0
    assert [finding.found for finding in HOLDER.verify_all(both)] == alone
