"""Erasure in a real Redis: exactly what one person added is taken back, whoever dies, and a reader finds nothing."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import structs
from pytest_django import Settings

from capture import waiting_room
from capture.events import Search
from capture.holders import redis as holders
from capture.records import Record, encoder
from capture.sinks import redis_people
from capture.sinks.redis import RedisSink
from capture.sinks.redis_commands import undo
from leafloaf.lib import cache
from leafloaf.stack.throwaway import ThrowawayStack
from privacy.holders import NotNow, Presence, Scope, Task
from tests.capture.every_word import every_word as every_word
from tests.capture.test_sink_contract import batch

HOLDER = holders.RedisHolder()
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
SESSIONS = ("her-visit-on-the-phone", "web")


@pytest.fixture
def shop(every_word: None, stack: ThrowawayStack, settings: Settings) -> Iterator[RedisSink]:
    """An empty part of Redis, with the whole application on it."""
    if "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    cache._quiet.until = 0.0
    settings.REDIS_PREFIX = f"holder-{uuid4()}:"
    opened = RedisSink(settings.REDIS_URL, settings.REDIS_PREFIX)
    yield opened
    empty(opened)


def empty(sink: RedisSink) -> None:
    for name in sink.client.scan_iter(f"{sink.prefix}*"):
        sink.client.delete(name)


def event(event_type: str, payload: dict[str, Any], at: datetime = NOW, **who: Any) -> Record:
    given: dict[str, Any] = {"user_id": None, "session_id": None} | who
    return Record(
        event_id=str(uuid4()),
        event_type=event_type,
        received_at=at,
        occurred_at=at - timedelta(hours=3),
        content=encoder.encode(payload).decode(),
        schema_version=1,
        **given,
    )


def searched(query: str, at: datetime = NOW, **who: Any) -> Record:
    suppliers = ["Ferme du Nord", "Müller & Fils"]
    payload = {"query": query, "search_id": str(uuid4()), "intent": "product_search", "suppliers": suppliers}
    return event("search", payload, at, **who)


def bought(*products: str, at: datetime = NOW, **who: Any) -> Record:
    lines = [{"product_id": product, "quantity": 1, "price": 2} for product in products]
    return event("order", {"order_id": "o", "items": lines, "total_value": 2}, at, **who)


def looked(product: str, at: datetime = NOW, **who: Any) -> Record:
    return event("interaction", {"interaction_type": "product_click", "product_id": product}, at, **who)


def crowd(people: Sequence[UUID], count: int = 1_200) -> list[Record]:
    """Events of many people and visits over ten days, all mixed: the first person's visits are `SESSIONS`."""
    chance = random.Random(7)  # noqa: S311
    made = []
    for number in range(count):
        place = chance.randrange(len(people))
        session = chance.choice(SESSIONS) if place == 0 else f"visit-{place}-{number % 3}"
        is_anonymous = chance.random() < 0.3
        who = {"user_id": None if is_anonymous else str(people[place]), "session_id": session}
        at = NOW - timedelta(days=10) + timedelta(minutes=12 * number)
        made.append(
            chance.choice(
                [
                    searched(chance.choice(["milk", "bread", "lait d'avoine \\ \" 2 % 🥛"]), at, **who),
                    looked(chance.choice("AB"), at, **who),
                    bought("A", chance.choice("ABC"), at=at, **who),
                    event("cart", {"action": "remove", "product_id": "A", "quantity": 1}, at, **who),
                    event("recommendation_impression", {"surface": "home", "product_ids": ["A"]}, at, **who),
                ]
            )
        )
    return made


def is_theirs(record: Record, scope: Scope) -> bool:
    if scope.before and record.received_at >= scope.before:
        return False
    if record.user_id is None:
        return record.session_id in scope.sessions
    return record.user_id == str(scope.subject_id)


def deliver(sink: RedisSink, records: list[Record], without: Scope | None = None) -> None:
    """In batches of 100; with `without` as if those events had never been."""
    for number, start in enumerate(range(0, len(records), 100)):
        some = [
            record for record in records[start : start + 100] if not (without and is_theirs(record, without))
        ]
        sink.deliver(batch(some, sequence=number))


def contents(sink: RedisSink) -> dict[str, Any]:
    """Every key under the prefix with its whole value."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"hash": sink.client.hgetall,
        b"string": sink.client.get,
        b"set": sink.client.smembers,
        b"list": lambda name: sink.client.lrange(name, 0, -1),
        b"zset": lambda name: sink.client.zrange(name, 0, -1, withscores=True),
    }
    names: Any = sink.client.scan_iter(f"{sink.prefix}*", count=1000)
    return {
        name.decode().removeprefix(sink.prefix): read[sink.client.type(name)](name)  # type: ignore[index]
        for name in names
    }


def task(scope: Scope) -> Task:
    return Task(scope, HOLDER.plan(scope), datetime.now(UTC))


def found(the_task: Task) -> tuple[Presence, int]:
    finding = HOLDER.verify(the_task)
    return finding.presence, finding.found


ABSENT = (Presence.ABSENT, 0)


@pytest.mark.parametrize("before", [None, NOW - timedelta(days=4, minutes=7)], ids=["erased", "retention"])
def test_redis_is_left_as_if_the_person_had_never_come(shop: RedisSink, before: datetime | None) -> None:
    people = [uuid4() for _ in range(30)]
    events = crowd(people)
    scope = Scope(people[0], SESSIONS, before)
    never = RedisSink(shop.url, f"never-{uuid4()}:")
    try:
        deliver(never, events, without=scope)
        deliver(shop, events)
        one = task(scope)
        assert one.plan.rows > 20
        assert found(one)[0] == Presence.PRESENT
        assert one.plan.rows == len(list(HOLDER.export(scope)))
        for _ in range(2):
            HOLDER.erase([one])
            assert contents(shop) == contents(never)
            assert found(one) == ABSENT
            assert list(HOLDER.export(scope)) == []
    finally:
        empty(never)


def test_what_is_exported_is_what_goes(shop: RedisSink) -> None:
    people = [uuid4() for _ in range(5)]
    deliver(shop, crowd(people, 300))
    scope = Scope(people[0], SESSIONS)
    shop.client.zadd(f"{shop.prefix}user:{people[0]}:searches", {"without-a-trace": NOW.timestamp()})
    cache.remember(f"user:{people[0]}:cache:{'0' * 32}", 60, lambda: b"a page")
    rows = list(HOLDER.export(scope))
    one = task(scope)
    assert one.plan.rows == len(rows)
    assert {name for name, _ in rows} == {"redis/events", "redis/searches", "redis/profile", "redis/kept"}
    assert {name for name, _ in rows} < set(HOLDER.fields())
    others = [Scope(person) for person in people[1:]]
    before = [list(HOLDER.export(other)) for other in others]
    ids = {row["event_id"] for name, row in rows if name == "redis/events"}
    assert ids.isdisjoint(row.get("event_id") for exported in before for _, row in exported)
    HOLDER.erase([one])
    assert list(HOLDER.export(scope)) == []
    assert [list(HOLDER.export(other)) for other in others] == before


def test_an_exported_search_tells_what_was_asked_and_where_it_counts(shop: RedisSink) -> None:
    person = uuid4()
    shop.deliver(batch([searched("organic milk", user_id=str(person))]))
    (name, row), (_, profile) = HOLDER.export(Scope(person))
    assert name == "redis/events"
    assert row["search"]["query"] == row["search"]["counted_query"] == "organic milk"
    assert row["search"]["suppliers"] == ["Ferme%20du%20Nord", "M%C3%BCller%20%26%20Fils"]
    assert profile["last_query"] == "organic milk"


KILLED = """
import sys
from capture.sinks import redis_people
from capture.sinks.redis import RedisSink
from capture.sinks.redis_commands import undo
url, prefix, person, sessions = sys.argv[1:]
redis_people.COMMANDS_AT_ONCE = 1
sink = RedisSink(url, prefix)
run = redis_people.run
def one_at_a_time(theirs, piece):
    run(theirs, piece)
    print("done", flush=True)
    sys.stdin.readline()
redis_people.run = one_at_a_time
redis_people.erase(redis_people.Theirs(sink.client, prefix, person, sessions.split(",")))
"""


def test_whoever_is_killed_between_two_pieces_leaves_the_rest_to_the_next(shop: RedisSink) -> None:
    people = [uuid4() for _ in range(5)]
    events = crowd(people, 200)
    scope = Scope(people[0], SESSIONS)
    never = RedisSink(shop.url, f"never-{uuid4()}:")
    try:
        deliver(never, events, without=scope)
        deliver(shop, events)
        one = task(scope)
        for pieces in (1, 2, 5):
            killed_after(shop, scope, pieces)
            assert found(one)[0] == Presence.PRESENT
        HOLDER.erase([one])
        assert contents(shop) == contents(never)
        assert found(one) == ABSENT
    finally:
        empty(never)


def killed_after(shop: RedisSink, scope: Scope, pieces: int) -> None:
    given = [shop.url, shop.prefix, str(scope.subject_id), ",".join(scope.sessions)]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, *given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(pieces):
            assert process.stdout.readline() == "done\n"
            process.stdin.write("\n")
            process.stdin.flush()
        process.kill()


def test_two_at_once_take_back_nothing_twice(shop: RedisSink) -> None:
    person, other = uuid4(), uuid4()
    deliver(shop, [bought("A", user_id=str(who)) for _ in range(50) for who in (person, other)])
    (day,) = shop.client.scan_iter(f"{shop.prefix}products:popular:*")
    mine = holders.theirs(Scope(person))
    traces = [
        (
            mine.prefix + one.owner.traces,
            one.member.decode(),
            undo(one.told, one.owner, mine.prefix),
        )
        for one in redis_people.traces(mine)
    ]
    for _ in range(2):
        redis_people.run(mine, traces)
    assert shop.client.zscore(day, "A") == 50


def test_an_id_that_is_another_persons_search_by_now_stays_theirs(shop: RedisSink) -> None:
    person, other = uuid4(), uuid4()
    first, second = searched("milk", user_id=str(person)), searched("bread", user_id=str(other))
    second = structs.replace(second, content=second.content.replace(second.payload["search_id"], "same"))
    first = structs.replace(first, content=first.content.replace(first.payload["search_id"], "same"))
    deliver(shop, [first, second])
    one = task(Scope(person))
    HOLDER.erase([one])
    assert found(one) == ABSENT
    assert shop.client.hget(f"{shop.prefix}search:same", "query") == b"bread"
    assert shop.client.zscore(f"{shop.prefix}searches:daily:{second.occurred_at.date()}", "same")


def test_more_than_the_newest_thousand_searches_are_found(shop: RedisSink) -> None:
    person = uuid4()
    many = [searched(f"query {number}", user_id=str(person)) for number in range(1_100)]
    deliver(shop, many)
    one = task(Scope(person))
    assert len(one.plan.details["search_ids"]) == 1_100
    HOLDER.erase([one])
    assert found(one) == ABSENT
    assert set(contents(shop)) == {"batches:0"}


def test_the_last_query_after_retention_is_one_that_is_still_there(shop: RedisSink) -> None:
    person = uuid4()
    old, new = NOW - timedelta(days=20), NOW - timedelta(days=2)
    deliver(shop, [searched("new", new, user_id=str(person)), searched("old", old, user_id=str(person))])
    profile = f"{shop.prefix}user:{person}:profile"
    assert shop.client.hget(profile, "last_query") == b"old"
    HOLDER.erase([task(Scope(person, (), NOW - timedelta(days=10)))])
    assert shop.client.hget(profile, "last_query") == b"new"
    assert shop.client.hget(profile, "searches") == b"1"
    HOLDER.erase([task(Scope(person, (), NOW))])
    assert set(contents(shop)) == {"batches:0"}


def test_searches_that_wait_go_by_their_visit(shop: RedisSink) -> None:
    person = uuid4()
    for session in ("hers", "another", "web"):
        waiting_room.put(Search(event_id=f"s-{session}", query="hers", session_id=session), NOW)
    one = task(Scope(person, ("hers", "web")))
    assert one.plan.rows == 2
    assert found(one) == (Presence.PRESENT, 2)
    HOLDER.erase([one])
    assert found(one) == ABSENT
    assert waiting_room.count() == 1


def test_pages_kept_for_them_and_for_anybody_go_and_other_peoples_stay(shop: RedisSink) -> None:
    person, other = uuid4(), uuid4()
    names = [f"user:{person}:cache:{'a' * 32}", f"user:{person}:cache:memory:1:2", f"cache:{'b' * 32}"]
    for name in (*names, f"user:{other}:cache:{'c' * 32}"):
        cache.remember(name, 60, lambda: b"{}")
    one = task(Scope(person))
    assert one.plan.rows == 2
    assert found(one)[0] == Presence.PRESENT
    HOLDER.erase([one])
    assert found(one) == ABSENT
    assert set(contents(shop)) == {f"user:{other}:cache:{'c' * 32}", f"user:{other}:kept"}


@pytest.mark.parametrize("signs", ["sh?p*", "[shop]", "sh\\op"])
def test_a_prefix_with_signs_of_a_pattern_means_only_itself(shop: RedisSink, signs: str) -> None:
    ours, neighbours = f"{shop.prefix}{signs}:cache:a", f"{shop.prefix}shop:cache:a"
    for name in (ours, neighbours):
        shop.client.set(name, "1")
    assert redis_people.drop_pages(shop.client, f"{shop.prefix}{signs}:") == 1
    assert shop.client.exists(ours, neighbours) == 1


def test_a_redis_that_is_away_is_neither_planned_nor_erased_nor_absent(
    shop: RedisSink, settings: Settings
) -> None:
    one = task(Scope(uuid4()))
    settings.REDIS_URL = "redis://127.0.0.1:9"
    for act in (
        lambda: HOLDER.plan(one.scope),
        lambda: HOLDER.erase([one]),
        lambda: list(HOLDER.export(one.scope)),
    ):
        with pytest.raises(NotNow, match=r"^Redis: ConnectionError$"):
            act()
    finding = HOLDER.verify(one)
    assert (finding.presence, finding.said) == (Presence.UNREACHABLE, "Redis: ConnectionError")


def test_a_redis_that_lets_nobody_read_is_not_absent(shop: RedisSink, settings: Settings) -> None:
    one = task(Scope(uuid4()))
    shop.client.acl_setuser("writer", enabled=True, passwords=["+secret"], keys=["*"], commands=["+ping"])
    try:
        settings.REDIS_URL = shop.url.replace("redis://", "redis://writer:secret@")
        assert HOLDER.verify(one).presence == Presence.FORBIDDEN
    finally:
        shop.client.acl_deluser("writer")
