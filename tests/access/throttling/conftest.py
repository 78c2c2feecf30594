"""Limits that are counted nowhere else, and each store as the only one."""

from collections.abc import Callable, Iterator, Sequence
from uuid import uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from leafloaf.access.throttling import memory_store, postgres_store, rates, redis_store
from leafloaf.access.throttling.demands import Demand
from leafloaf.access.throttling.gcra import Rate
from leafloaf.access.throttling.verdict import Verdict
from leafloaf.lib import cache
from leafloaf.stack.throwaway import ThrowawayStack

Take = Callable[[Sequence[Demand]], Verdict | None]
STORES: dict[str, Take] = {
    "redis": redis_store.take,
    "postgres": postgres_store.take,
    "memory": memory_store.take,
}


@pytest.fixture
def redis_on(stack: ThrowawayStack) -> Iterator[None]:
    """Redis is asked, whatever the test before did to it; its limits are gone afterwards."""
    if "REDIS_URL" not in stack.environment:
        pytest.skip("there is no Redis server for this machine")
    cache._quiet.until = 0.0
    forget_redis()
    yield
    cache._quiet.until = 0.0


@pytest.fixture(params=STORES)
def take(request: pytest.FixtureRequest, db: None) -> Take:
    """One of the three stores."""
    if request.param == "redis":
        request.getfixturevalue("redis_on")
    memory_store.forget()
    return STORES[request.param]


@pytest.fixture(params=["redis", "postgres"])
def store(request: pytest.FixtureRequest, settings: Settings) -> None:
    """Counted by one of the two, and nothing so far."""
    if request.param == "redis":
        request.getfixturevalue("redis_on")
    else:
        request.getfixturevalue("db")
        settings.REDIS_ENABLED = False
    settings.THROTTLES = dict.fromkeys(rates.CLASSES, "off")
    forget_postgres()
    memory_store.forget()


def limited(settings: Settings, **limits: str) -> None:
    settings.THROTTLES = settings.THROTTLES | limits


def forget_redis() -> None:
    redis = cache._redis()
    for name in redis.scan_iter(cache._key(f"{redis_store.PREFIX}*"), count=1000):
        redis.delete(name)


def forget_postgres() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM access_throttle")


def demand(rate: Rate, name: bytes | None = None, units: int = 1, takes: int | None = None) -> Demand:
    """Of a limit of its own, unless it is named."""
    return Demand("tests-key", name or uuid4().bytes, rate, units, units if takes is None else takes)
