"""What BigQuery costs: arithmetic with round numbers, worked out by hand."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import costs
from capture.costs import GIB, MIB, Given

PRICES = {"streaming": 0.01, "storage_write": 0.025, "storage": 0.02, "query": 6.25}
TODAY = date(2026, 11, 11)


def streamed(day: date, dollars: float, row_bytes: int = 0) -> Given:
    return Given(day, "streaming", round(dollars * 200 * MIB / 0.01), row_bytes)


def month(*given: Given, today: date = TODAY, retention_days: int = 90) -> costs.Month:
    return costs.month(given, today, retention_days, PRICES)


@pytest.mark.parametrize(
    ("mode", "size", "dollars"),
    [
        ("streaming", 200 * MIB, 0.01),
        ("streaming", 1_000_000 * 1024, 0.0488),
        ("storage_write", GIB, 0.025),
        ("query", 1024 * GIB, 6.25),
    ],
)
def test_each_way_has_its_price(mode: str, size: int, dollars: float) -> None:
    assert costs.charged(mode, size, PRICES) == pytest.approx(dollars, rel=0.001)


def test_a_month_is_the_sum_of_its_days_and_nobody_elses() -> None:
    found = month(streamed(date(2026, 10, 31), 7), streamed(date(2026, 11, 1), 1), streamed(TODAY, 2))
    assert found.by_kind["streaming"] == pytest.approx(3)
    assert found.spent == pytest.approx(3)
    assert found.today == pytest.approx(2)


def test_what_is_stored_costs_a_share_of_the_month_for_each_day_that_it_lies_there() -> None:
    found = month(streamed(date(2026, 11, 2), 0, row_bytes=30 * GIB))
    assert found.by_kind["storage"] == pytest.approx(10 * 30 * 0.02 / 30)


def test_it_costs_nothing_when_its_partition_has_gone() -> None:
    found = month(streamed(date(2026, 11, 2), 0, row_bytes=30 * GIB), retention_days=3)
    assert found.by_kind["storage"] == pytest.approx(3 * 30 * 0.02 / 30)
    before = month(streamed(date(2026, 8, 6), 0, row_bytes=30 * GIB))
    assert before.by_kind["storage"] == pytest.approx(3 * 30 * 0.02 / 30), "the 90 days end on 3 November"
    assert month(streamed(date(2026, 8, 1), 0, row_bytes=GIB)).by_kind["storage"] == 0


def test_the_pace_is_that_of_the_last_whole_days() -> None:
    days = [streamed(TODAY - timedelta(days=back), 1.0) for back in range(1, 8)]
    found = month(*days, streamed(TODAY, 0.25))
    assert found.spent == pytest.approx(7.25)
    assert found.projected == pytest.approx(7 + 1 + 19)


def test_a_shop_that_began_three_days_ago_is_told_by_three_days() -> None:
    days = [streamed(TODAY - timedelta(days=back), 1.0) for back in (1, 3)]
    assert month(*days).projected == pytest.approx(2 + (2 / 3) * 20)


def test_before_the_first_whole_day_there_is_no_pace() -> None:
    assert month(streamed(TODAY, 5)).projected is None
    assert month().projected is None


def test_a_day_that_is_dearer_than_the_pace_counts_as_it_is() -> None:
    yesterday = streamed(TODAY - timedelta(days=1), 1.0)
    assert month(yesterday, streamed(TODAY, 9)).projected == pytest.approx(1 + 9 + 19)


def test_the_pace_reaches_over_the_first_of_the_month() -> None:
    first = date(2026, 12, 1)
    days = [streamed(first - timedelta(days=back), 1.0) for back in range(1, 8)]
    found = month(*days, today=first)
    assert found.spent == 0
    assert found.projected == pytest.approx(31)
    assert all(costs.first_day(first, 90) <= one.day for one in days)


@given(
    st.lists(
        st.builds(
            Given,
            st.dates(TODAY - timedelta(days=120), TODAY),
            st.sampled_from(["streaming", "storage_write", "query"]),
            st.integers(0, 10**12),
            st.integers(0, 10**12),
        ),
        max_size=30,
    )
)
def test_nothing_before_the_first_day_matters(given: list[Given]) -> None:
    since = costs.first_day(TODAY, 90)
    later = [one for one in given if one.day >= since]
    whole, cut = month(*given), month(*later)
    assert cut.by_kind == pytest.approx(whole.by_kind)
    assert cut.spent >= 0
    assert cut.projected is None or cut.projected >= cut.spent * 0.999999
