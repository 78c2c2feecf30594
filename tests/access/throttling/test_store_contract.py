"""What every store of limits does, Redis, Postgres and this process's memory, beside the arithmetic they all follow."""

import time
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leafloaf.access.throttling import gcra
from leafloaf.access.throttling.gcra import Rate
from leafloaf.access.throttling.verdict import Verdict
from tests.access.throttling.conftest import Take, demand

HOURLY = Rate(5, 3600)
OFTEN = Rate(100, 60)


def passes(take: Take, *demands: object) -> bool:
    verdict = take(demands)  # type: ignore[arg-type]
    assert verdict is not None
    return not verdict.wait


def test_as_many_go_through_as_the_limit_says(take: Take) -> None:
    name = uuid4().bytes
    assert [passes(take, demand(HOURLY, name)) for _ in range(7)] == [True] * 5 + [False] * 2


def test_what_was_refused_says_which_limit_and_for_how_long(take: Take) -> None:
    narrow, wide = demand(Rate(1, 600)), demand(HOURLY)
    both = sorted([narrow, wide], key=lambda one: one.name)
    assert passes(take, *both)
    refused = take(both)
    assert refused is not None
    assert refused.refused == [narrow]
    assert 590 < refused.wait / gcra.MICROSECONDS <= 600


def test_a_refused_request_takes_nothing_of_its_other_limits(take: Take) -> None:
    narrow, wide = demand(Rate(1, 600)), demand(HOURLY)
    both = sorted([narrow, wide], key=lambda one: one.name)
    assert [passes(take, *both) for _ in range(9)] == [True] + [False] * 8
    assert [passes(take, wide) for _ in range(5)] == [True] * 4 + [False]


def test_units_are_taken_all_or_none(take: Take) -> None:
    name = uuid4().bytes
    assert passes(take, demand(HOURLY, name, 3))
    assert not passes(take, demand(HOURLY, name, 3))
    assert passes(take, demand(HOURLY, name, 2))
    assert not passes(take, demand(HOURLY, name))


def test_a_look_takes_nothing_and_sees_what_was_taken(take: Take) -> None:
    name = uuid4().bytes
    assert all(passes(take, demand(HOURLY, name, takes=0)) for _ in range(9))
    assert passes(take, demand(HOURLY, name, 5))
    assert not passes(take, demand(HOURLY, name, takes=0))


def test_what_was_used_comes_back(take: Take) -> None:
    """One after the other, and long before all of it."""
    name = uuid4().bytes
    assert passes(take, demand(OFTEN, name, 100))
    assert not passes(take, demand(OFTEN, name, 100))
    deadline = time.monotonic() + 30
    while not passes(take, demand(OFTEN, name)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not passes(take, demand(OFTEN, name, 100))


def test_a_limit_made_smaller_is_no_sentence_for_life(take: Take) -> None:
    name = uuid4().bytes
    assert passes(take, demand(HOURLY, name, 5))
    verdict = take([demand(Rate(5, 1), name)])
    assert verdict is not None
    assert verdict.wait <= gcra.MICROSECONDS


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=12))
def test_each_does_what_the_arithmetic_says(take: Take, asked: list[tuple[int, int]]) -> None:
    """Of three limits, two at a time; what a store says it found is what the arithmetic had left there."""
    kinds = [Rate(7, 3600), Rate(11, 1800), Rate(1000, 1)]
    names = [uuid4().bytes for _ in kinds]
    arrivals = dict.fromkeys(names, 0)
    for first, units in asked:
        places = (first, (first + 1) % len(kinds))
        wanted = sorted(
            (demand(kinds[place], names[place], units) for place in places), key=lambda one: one.name
        )
        verdict = take(wanted)
        assert isinstance(verdict, Verdict)
        expected = [gcra.started(arrivals[one.name], verdict.now, one.rate) for one in wanted]
        assert list(verdict.starts) == expected
        if not verdict.wait:
            for one, start in zip(wanted, expected, strict=True):
                arrivals[one.name] = gcra.moved(start, one.rate, one.takes)


@pytest.mark.parametrize("take", ["redis"], indirect=True)
def test_redis_forgets_by_itself_what_is_used_no_more(take: Take) -> None:
    from leafloaf.access.throttling.redis_store import PREFIX
    from leafloaf.lib import cache

    one = demand(Rate(60, 3600), units=3)
    take([one])
    assert 120_000 < cache._redis().pttl(cache._key(f"{PREFIX}{one.name.hex()}")) <= 180_000
