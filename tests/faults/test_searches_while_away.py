"""Postgres away: what anybody asked before is answered from what is kept, and each such search is in the log, once."""

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from capture.waiting_room import NAME
from leafloaf.stack.leftovers import postgres_in
from tests.faults.load import batch_of, post
from tests.faults.shop import DEMO_KEY, Shop, meanwhile, wait_until
from tests.faults.web import Web

SEARCH = "/api/v1/search"
KEPT = ("milk", "bread", "organic eggs", "")
RECEIVED = "SELECT event_id, received_at FROM capture_event WHERE event_id = ANY(%(ids)s)"
POOL_SECONDS = 3.0
PAUSE_SECONDS = 0.1


@contextmanager
def stopped(shop: Shop) -> Iterator[None]:
    """Nobody listens."""
    shop.stack["postgres"].stop()
    try:
        yield
    finally:
        shop.stack["postgres"].start()


@contextmanager
def frozen(shop: Shop) -> Iterator[None]:
    """Every process of it is there and says nothing; connections stay open."""
    pids: list[int] = []
    while new := [pid for pid in postgres_in(shop.stack.folder / "postgres") if pid not in pids]:
        for pid in new:
            with suppress(ProcessLookupError):  # a backend whose client has just left
                os.kill(pid, signal.SIGSTOP)
        pids += new
    try:
        yield
    finally:
        for pid in reversed(pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


Away = Callable[[Shop], Any]
away_in_both_ways = pytest.mark.parametrize("away", [stopped, frozen])


@dataclass
class Searchers:
    """Ask the web, and remember by id what was answered and from where."""

    web: Web
    answered: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    refused: list[tuple[int, Any, Any]] = field(default_factory=list)
    cache: str = ""

    def ask(self, query: str, **more: Any) -> bool:
        """Whether it was answered."""
        status, headers, document = post(self.web.port(), DEMO_KEY, {"query": query} | more, SEARCH)
        if status != 200:
            self.refused.append((status, headers, document))
            return False
        self.answered.add(document["search_id"])
        self.cache = document["execution"]["cache"]
        if document["execution"].get("stale"):
            assert document["execution"]["cache"] == "hit"
            assert document["personalization"] == {"applied": False}
            self.stale.add(document["search_id"])
        return True

    def go_on(self, enough: threading.Event) -> None:
        for query in itertools.cycle(KEPT):
            if enough.is_set():
                return
            self.ask(query)
            time.sleep(PAUSE_SECONDS)

    def begin(self) -> None:
        """A process that has just missed Redis leaves it alone for some seconds."""
        for query in KEPT:
            wait_until(partial(self.finds_kept, query), f"{query!r} is kept")

    def finds_kept(self, query: str) -> bool:
        return self.ask(query) and self.cache == "hit"


@pytest.fixture
def searchers(web: Web) -> Searchers:
    begun = Searchers(web)
    begun.begin()
    return begun


def is_refused(answer: tuple[int, Any, Any]) -> bool:
    status, headers, document = answer
    return (status, document["code"]) == (503, "database_away") and int(headers["Retry-After"]) > 0


def waiting(shop: Shop) -> int:
    return int(shop.stores.redis.llen(f"leafloaf:{NAME}"))


@away_in_both_ways
def test_what_is_kept_is_answered_and_all_else_told_to_come_back_at_once(
    shop: Shop, web: Web, searchers: Searchers, away: Away
) -> None:
    with away(shop):
        wait_until(lambda: searchers.ask("milk") and bool(searchers.stale), "it is known that it is away")
        seconds = [answered_or_refused(searchers) for _ in range(3)]  # of which a slow machine may spoil one
        assert min(seconds) < POOL_SECONDS, "nobody waited for a connection"
        assert web.server.get("/health").body["searches_waiting"] == waiting(shop) == len(searchers.stale)
        assert web.server.get("/health/ready").status == 503
        back_at, while_away = datetime.now(UTC), list(searchers.stale)
    wait_until(lambda: searchers.ask("milk"), "it is back")
    wait_until(web.is_ready, "it is ready")
    shop.nursery.run("admit_waiting")
    assert shop.logged() == Counter(searchers.answered)
    assert waiting(shop) == 0
    received = shop.ask(RECEIVED, ids=while_away)
    assert len(received) == len(while_away)
    assert all(received_at < back_at for _, received_at in received)
    shop.settle()
    shop.assert_all_hold_the_log_once()


def answered_or_refused(searchers: Searchers) -> float:
    """All of them while Postgres is away; in how many seconds."""
    started = time.monotonic()
    assert all(searchers.ask(query) for query in KEPT)
    searchers.refused.clear()
    assert not searchers.ask("what nobody has asked before")
    assert not searchers.ask("milk", user_id="u-1")
    assert not searchers.ask("milk", explain=True)
    assert not searchers.ask("show my order")
    others = [
        post(searchers.web.port(), "sk_unknown", {"query": "milk"}, SEARCH),
        post(searchers.web.port(), DEMO_KEY, {"events": batch_of("away", 0, 5)}),
    ]
    assert all(map(is_refused, searchers.refused + others))
    assert len(searchers.refused) == 4
    return time.monotonic() - started


def test_a_search_whose_event_may_or_may_not_be_in_the_log_is_there_once(
    shop: Shop, web: Web, searchers: Searchers
) -> None:
    """Frozen after it was asked to store: once it thaws it does, though the search has been answered without it."""
    with frozen(shop):
        asking = [threading.Thread(target=searchers.ask, args=("milk",)) for _ in range(3)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
    wait_until(web.is_ready, "it is ready")
    shop.nursery.run("admit_waiting")
    assert shop.logged().keys() >= searchers.answered
    assert set(shop.logged().values()) == {1}


def test_nobody_is_answered_when_the_event_cannot_wait(shop: Shop, searchers: Searchers) -> None:
    with stopped(shop):
        wait_until(lambda: searchers.ask("milk") and bool(searchers.stale), "it is known that it is away")
        shop.stores.redis.config_set("maxmemory", "1gb")
        shop.stores.redis.config_set("maxmemory-policy", "volatile-lru")
        try:
            assert not searchers.ask("milk"), "Redis might throw it away"
        finally:
            shop.stores.redis.config_set("maxmemory", "0")
            shop.stores.redis.config_set("maxmemory-policy", "noeviction")
        assert searchers.ask("milk")
        shop.stack["redis"].kill()
        assert not searchers.ask("milk")
        shop.stack["redis"].start()
        assert all(map(is_refused, searchers.refused))


def test_killed_between_the_commit_and_the_leaving_none_is_lost_or_doubled(
    shop: Shop, web: Web, searchers: Searchers
) -> None:
    with stopped(shop):
        wait_until(lambda: searchers.ask("milk") and bool(searchers.stale), "it is known that it is away")
        for query in KEPT * 30:
            wait_until(partial(searchers.ask, query), f"{query!r} is answered")
    waited = waiting(shop)
    assert waited == len(searchers.stale) > 120
    before = len(shop.logged())
    shop.stores.redis.client_pause(
        300_000, all=False
    )  # writes only: it reads what waits, and cannot take it out
    admitting = shop.nursery.start("admit_waiting")
    wait_until(lambda: len(shop.logged()) > before, "the first are in the log")
    admitting.kill()
    assert waiting(shop) == waited
    shop.stores.redis.client_unpause()
    shop.nursery.run("admit_waiting")
    assert waiting(shop) == 0
    assert shop.logged() == Counter(searchers.answered)


@pytest.mark.slow
@away_in_both_ways
def test_away_for_a_minute_and_admitted_by_many_who_are_killed(
    shop: Shop, web: Web, searchers: Searchers, away: Away, chance: random.Random
) -> None:
    with meanwhile(*[searchers.go_on] * 3):
        time.sleep(1)
        with away(shop):
            time.sleep(60)
        for _ in range(20):
            admitting = [shop.nursery.start("admit_waiting") for _ in range(2)]
            time.sleep(chance.random() * 0.5)
            for one in admitting:
                one.kill()
        wait_until(web.is_ready, "it is ready")
    wait_until(lambda: searchers.ask("milk"), "it answers")
    shop.nursery.run("admit_waiting")
    assert all(map(is_refused, searchers.refused))
    assert len(searchers.stale) > 500
    assert waiting(shop) == 0
    logged = shop.logged()
    assert logged.keys() >= searchers.answered
    assert set(logged.values()) == {1}
    shop.settle(240)
    shop.assert_all_hold_the_log_once()
