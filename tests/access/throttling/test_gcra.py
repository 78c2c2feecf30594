"""The arithmetic of limits, for any limit and any sequence of requests."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from leafloaf.access.throttling import gcra
from leafloaf.access.throttling.gcra import MICROSECONDS, Rate

rates = st.builds(Rate, st.integers(1, 1000), st.integers(1, 3600))
pauses = st.integers(0, 20 * MICROSECONDS)
requests = st.lists(st.tuples(pauses, st.integers(1, 5)), max_size=60)
NOON = 1_800_000_000 * MICROSECONDS


def let_through(rate: Rate, asked: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """When how many units went through."""
    arrival, passed = 0, []
    for now, (_, units) in zip(accumulate((pause for pause, _ in asked), initial=NOON), asked, strict=False):
        start = gcra.started(arrival, now, rate)
        if not gcra.wait(start, now, rate, units):
            arrival = gcra.moved(start, rate, units)
            passed.append((now, units))
    return passed


@given(rates, requests)
def test_no_window_has_more_than_the_burst_and_the_rate_times_its_length(
    rate: Rate, asked: list[tuple[int, int]]
) -> None:
    passed = let_through(rate, asked)
    for first, (began, _) in enumerate(passed):
        for last in range(first, len(passed)):
            units = sum(units for _, units in passed[first : last + 1])
            microseconds = passed[last][0] - began
            assert (units - rate.count) * rate.period_seconds * MICROSECONDS <= rate.count * microseconds


@given(rates, requests)
def test_nobody_waits_longer_than_said_and_nobody_less(rate: Rate, asked: list[tuple[int, int]]) -> None:
    arrival, now = 0, NOON
    for pause, units in asked:
        now, needed = now + pause, min(units, rate.count)
        wait = gcra.wait(gcra.started(arrival, now, rate), now, rate, needed)
        if wait:
            early = now + wait - 1
            assert gcra.wait(gcra.started(arrival, early, rate), early, rate, needed) == 1
        now += wait
        start = gcra.started(arrival, now, rate)
        assert not gcra.wait(start, now, rate, needed)
        arrival = gcra.moved(start, rate, needed)


@given(rates, requests)
def test_what_is_said_to_remain_is_what_goes_through(rate: Rate, asked: list[tuple[int, int]]) -> None:
    passed = let_through(rate, asked)
    now = passed[-1][0] if passed else NOON
    arrival = 0
    for at, units in passed:
        arrival = gcra.moved(gcra.started(arrival, at, rate), rate, units)
    start = gcra.started(arrival, now, rate)
    left = gcra.remaining(start, now, rate)
    assert 0 <= left <= rate.count
    assert not left or not gcra.wait(start, now, rate, left)
    assert gcra.wait(start, now, rate, left + 1)
    more = gcra.until_more(start, now, rate)
    assert (more == 0) == (left == rate.count)
    if more:
        later = gcra.started(arrival, now + more, rate)
        assert gcra.remaining(later, now + more, rate) == left + 1


@given(rates)
def test_all_go_through_at_once_and_then_none(rate: Rate) -> None:
    assert len(let_through(rate, [(0, 1)] * (rate.count + 3))) == rate.count


@given(rates, st.integers(0, 10**9 * MICROSECONDS))
def test_a_clock_that_was_set_back_keeps_nobody_longer_than_one_period(rate: Rate, ahead: int) -> None:
    start = gcra.started(NOON + ahead, NOON, rate)
    assert gcra.wait(start, NOON, rate, rate.count) <= rate.capacity
