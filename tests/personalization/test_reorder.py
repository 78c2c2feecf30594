"""When a product is bought again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.prediction import calibration, histories, reorder, reorder_training
from personalization.prediction.histories import Histories
from tests.personalization import shops


def long_shop() -> Histories:
    return shops.shop(shoppers=60, orders=60)


@given(shops.rows(), st.integers(0, 300))
def test_what_comes_after_the_day_changes_nothing(rows: shops.Rows, day: int) -> None:
    lines = histories.arranged(rows)
    known = lines.only(lines.day <= day)
    whole, part = (reorder.expected(some, day, None) for some in (lines, known))
    np.testing.assert_array_equal(whole.next_expected, part.next_expected)
    np.testing.assert_array_equal(whole.confidence, part.confidence)


@given(shops.rows(), st.integers(0, 300))
def test_no_day_is_past_and_chances_rise_with_time(rows: shops.Rows, day: int) -> None:
    found = reorder.expected(histories.arranged(rows), day, None)
    assert (found.next_expected >= day).all()
    assert (found.within[7] <= found.within[14]).all()
    assert (found.within[14] <= found.within[30]).all()
    for chance in (*found.within.values(), found.confidence):
        assert ((chance >= 0) & (chance <= 1)).all()


def test_what_is_learned_comes_true_as_often_as_it_says() -> None:
    lines = long_shop()
    day = 300
    weights = reorder_training.learned(lines, day)
    assert weights is not None
    found = reorder.expected(lines, day, weights)
    assert (found.next_expected >= day).all()
    future = lines.only(lines.day > day)
    came = {
        (who, product): when
        for who, product, when in sorted(
            zip(future.shopper.tolist(), future.product.tolist(), future.day.tolist(), strict=True),
            reverse=True,
        )
    }
    pairs = zip(found.shopper.tolist(), found.product.tolist(), strict=True)
    took = np.array([came.get(pair, np.inf) for pair in pairs]) - day
    assert found.within[14].mean() == pytest.approx((took <= 14).mean(), abs=0.1)
    assert found.within[14][took <= 14].mean() > found.within[14][took > 14].mean() + 0.1


def test_learning_from_the_past_does_not_see_the_future() -> None:
    lines = long_shop()
    whole = reorder_training.learned(lines, 250)
    part = reorder_training.learned(lines.only(lines.day <= 250), 250)
    assert whole is not None
    assert part is not None
    np.testing.assert_array_equal(whole.wait.weights, part.wait.weights)
    np.testing.assert_array_equal(whole.within[7].weights.weights, part.within[7].weights.weights)


def test_a_short_history_is_not_learned_from() -> None:
    lines = histories.arranged([("a", "1", "x", 1), ("a", "2", "x", 8)])
    assert reorder_training.learned(lines, 9) is None
    found = reorder.expected(lines, 9, None)
    assert found.cycle_days.tolist() == [7]
    assert found.next_expected.tolist() == [15]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_calibrated_values_never_fall_and_keep_their_mean(values: list[float]) -> None:
    risen = calibration.isotonic(np.array(values), np.ones(len(values)))
    assert (np.diff(risen) >= -1e-12).all()
    assert risen.mean() == pytest.approx(np.mean(values))
