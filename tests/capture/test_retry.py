from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from capture import retry

failures = st.integers(1, 10_000)
spreads = st.floats(0, 1, exclude_max=True)


@given(failures, spreads)
def test_the_delay_is_bounded(failed: int, spread: float) -> None:
    assert retry.BASE / 2 <= retry.delay(failed, spread) <= retry.CEILING


@given(failures, spreads)
def test_more_failures_never_mean_less_patience(failed: int, spread: float) -> None:
    assert retry.delay(failed, spread) <= retry.delay(failed + 1, spread)


def test_the_first_retry_comes_within_a_second() -> None:
    assert retry.delay(1, 0.0) == timedelta(seconds=0.5)
