"""Answers kept in a real Redis, and what happens when it is not there."""

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from pytest_django import Settings

from leafloaf.lib import cache
from leafloaf.lib.cache import Status
from leafloaf.stack.throwaway import ThrowawayStack


@pytest.fixture(autouse=True)
def redis_on(stack: ThrowawayStack) -> Iterator[None]:
    if "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    cache._quiet.until = 0.0
    yield
    cache._quiet.until = 0.0


@pytest.fixture
def name() -> str:
    return f"tests:{uuid4()}"


class Maker:
    """Counts how often it made its answer."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds, self.made = seconds, 0

    def __call__(self) -> bytes:
        self.made += 1
        time.sleep(self.seconds)
        return b"an answer"


def test_an_answer_is_made_once_and_then_kept(name: str) -> None:
    make = Maker()
    answers = [cache.remember(name, 60, make) for _ in range(3)]
    assert answers == [(b"an answer", Status.MISS), (b"an answer", Status.HIT), (b"an answer", Status.HIT)]
    assert make.made == 1


def test_what_was_forgotten_is_made_anew(name: str) -> None:
    make = Maker()
    cache.remember(name, 60, make)
    assert cache.kept(name) == b"an answer"
    cache.forget(name)
    assert cache.kept(name) is None
    assert cache.remember(name, 60, make) == (b"an answer", Status.MISS)


def test_it_has_a_time_to_live_under_the_shops_prefix(name: str, settings: Settings) -> None:
    cache.remember(name, 60, Maker())
    assert 0 < cache._redis().ttl(f"{settings.REDIS_PREFIX}{name}") <= 60


def test_all_answers_of_one_owner_are_forgotten_at_once_and_nobody_elses() -> None:
    mine, other = f"user:{uuid4()}", f"user:{uuid4()}"
    for name in (f"{mine}:cache:a", f"{mine}:cache:b", f"{other}:cache:a"):
        cache.remember(name, 60, Maker())
    assert sorted(cache.kept_of(mine)) == [cache._key(f"{mine}:cache:{one}").encode() for one in "ab"]
    assert cache._redis().ttl(cache._key(f"{mine}:kept")) > 0
    assert cache.forget_all_of(mine) == 2
    assert (cache.kept(f"{mine}:cache:a"), cache.kept_of(mine)) == (None, [])
    assert not cache._redis().exists(cache._key(f"{mine}:kept"))
    assert cache.forget_all_of(mine) == 0
    assert len(cache.kept_of(other)) == 1


def test_without_redis_nobody_has_answers(settings: Settings) -> None:
    settings.REDIS_ENABLED = False
    assert (cache.kept_of("user:x"), cache.forget_all_of("user:x")) == ([], 0)


def test_of_many_who_miss_at_once_one_makes_the_answer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for patience in ("WAITING_SECONDS", "MAKING_SECONDS"):
        monkeypatch.setattr(cache, patience, 60.0)
    make, together, seen = Maker(0.2), threading.Barrier(16), []

    def ask() -> None:
        together.wait()
        seen.append(cache.remember(name, 60, make))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.made == 1
    assert sorted(status for _, status in seen) == [Status.HIT] * 15 + [Status.MISS]


def test_one_who_fails_keeps_nobody_else_from_trying(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for patience in ("WAITING_SECONDS", "MAKING_SECONDS"):
        monkeypatch.setattr(cache, patience, 30.0)

    def fail() -> bytes:
        raise LookupError("no answer")

    with pytest.raises(LookupError):
        cache.remember(name, 60, fail)
    started = time.monotonic()
    assert cache.remember(name, 60, Maker()) == (b"an answer", Status.MISS)
    assert time.monotonic() - started < cache.WAITING_SECONDS


def test_one_who_died_while_making_costs_a_short_wait(name: str) -> None:
    cache._redis().set(cache._key(name) + cache.MAKING, 1, px=60_000)
    make = Maker()
    assert cache.remember(name, 60, make) == (b"an answer", Status.MISS)
    assert make.made == 1


def test_without_redis_every_answer_is_made(name: str, settings: Settings) -> None:
    settings.REDIS_ENABLED = False
    make = Maker()
    assert [cache.remember(name, 60, make)[1] for _ in range(2)] == [Status.OFF, Status.OFF]
    assert (make.made, cache.kept(name)) == (2, None)


def test_while_redis_is_away_answers_are_made_and_nobody_waits_for_it(
    name: str, stack: ThrowawayStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "QUIET_SECONDS", 600.0)
    stack["redis"].kill()
    try:
        assert cache.remember(name, 60, Maker()) == (b"an answer", Status.OFF)
        assert not cache.is_on()
        assert cache.kept(name) is None
        cache.forget(name)
    finally:
        stack["redis"].start()
    cache._quiet.until = 0.0
    assert cache.remember(name, 60, Maker()) == (b"an answer", Status.MISS)
