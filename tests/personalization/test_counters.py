"""Counters that are updated a purchase at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from personalization.prediction import counters, histories
from personalization.prediction.counters import BRISK, DAILY, QUICK, SLOW, Record, decayed
from tests.personalization import shops

LATER = 3


def remembered(lines: histories.Histories, cut: int) -> Record:
    """The same lines, in two helpings."""
    record = Record.blank(lines)
    record.add(lines.only(lines.order < cut))
    record.add(lines.only(lines.order >= cut))
    return record


@given(shops.rows(), st.integers(0, 7))
def test_decayed_sums_are_the_direct_sums(rows: shops.Rows, cut: int) -> None:
    lines = histories.arranged(rows)
    record = remembered(lines, cut)
    for row, (shopper, product) in enumerate(zip(record.shopper, record.product, strict=True)):
        mine = (lines.shopper == shopper) & (lines.product == product)
        orders, days = lines.order[mine], lines.day[mine]
        now, today = record.orders[shopper] + LATER, record.last_day[shopper] + LATER
        for sums, decay in (
            (record.counters.slow, SLOW),
            (record.counters.brisk, BRISK),
            (record.counters.quick, QUICK),
        ):
            kept = decayed(sums[[row]], decay, now - record.counters.last[[row]])[0]
            np.testing.assert_allclose(kept, (decay ** (now - orders)).sum())
        kept = decayed(record.counters.daily[[row]], DAILY, today - record.counters.last_day[[row]])[0]
        np.testing.assert_allclose(kept, (DAILY ** (today - days)).sum())
        np.testing.assert_allclose(record.counters.gap_squares[row], (np.diff(days) ** 2).sum())
        assert record.counters.count[row] == mine.sum()
        assert (record.counters.first[row], record.counters.last[row]) == (orders.min(), orders.max())


@given(shops.rows())
def test_shoppers_are_remembered_with_their_orders(rows: shops.Rows) -> None:
    lines = histories.arranged(rows)
    record = remembered(lines, 2)
    for shopper in range(len(lines.shoppers)):
        mine = lines.shopper == shopper
        assert record.orders[shopper] == lines.order[mine].max() + 1
        assert record.lines[shopper] == mine.sum()
        assert record.last_size[shopper] == (lines.order[mine] == lines.order[mine].max()).sum()
        assert record.first_day[shopper] == lines.day[mine].min()
        assert record.last_day[shopper] == lines.day[mine].max()


@given(shops.rows())
def test_what_is_left_out_and_what_is_known_are_the_whole(rows: shops.Rows) -> None:
    lines = histories.arranged(rows)
    before, last = counters.until(lines, 1), counters.order_from_end(lines, 0)
    assert len(before.shopper) + len(last.shopper) == len(lines.shopper)
    assert set(last.shopper.tolist()) == set(range(len(lines.shoppers)))
