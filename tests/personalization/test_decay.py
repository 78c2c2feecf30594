"""The preference score is the direct sum over the signals, in whatever order they came."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from personalization.signals import affinity, marks
from personalization.signals.decay import Decay
from personalization.signals.marks import Signal

NOW = 1_790_000_000
SEED = {
    Signal.VIEW: (0.1, 0.98, 30),
    Signal.CLICK: (0.2, 0.95, 60),
    Signal.CART: (0.5, 0.90, 90),
    Signal.PURCHASE: (1.0, 0.85, 180),
}
histories = st.lists(
    st.tuples(st.sampled_from([*SEED]), st.integers(0, 3), st.integers(NOW - 200 * 86_400, NOW)),
    max_size=60,
)
History = list[tuple[Signal, int, int]]


def packed(history: History) -> list[bytes]:
    """The marks of products 0 to 3."""
    rows = [b""] * 4
    for signal, product, second in history:
        rows[product] += marks.number(signal, datetime.fromtimestamp(second, UTC)).to_bytes(8)
    return rows


def scored(history: History, now: float = NOW) -> dict[str, float]:
    every, place = marks.joined(packed(history))
    strengths = Decay.of(settings.SIGNALS).strengths(every, now)
    return affinity.measured(strengths, place, [*"0123"], [None] * 4, [None] * 4).products


@given(histories)
def test_it_equals_the_direct_sum(history: History) -> None:
    sums = dict.fromkeys("0123", 0.0)
    for signal, product, second in history:
        weight, factor, days = SEED[signal]
        age = (NOW - second) / 86_400
        sums[str(product)] += weight * factor**age if age <= days else 0
    assert scored(history) == pytest.approx({key: min(total, 1) for key, total in sums.items() if total})


@given(histories, st.randoms())
def test_the_order_of_events_does_not_matter(history: History, chance: object) -> None:
    shuffled = [*history]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert scored(shuffled) == pytest.approx(scored(history))


@given(histories)
def test_scores_lie_between_0_and_1(history: History) -> None:
    assert all(0 < score <= 1 for score in scored(history).values())


@given(histories, st.lists(st.integers(0, 200 * 86_400), min_size=2, max_size=5))
def test_scores_only_fall_while_nothing_happens(history: History, later: list[int]) -> None:
    for before, after in pairwise(sorted(later)):
        earlier, now = scored(history, NOW + before), scored(history, NOW + after)
        assert all(score <= earlier[key] + 1e-9 for key, score in now.items())


def test_all_that_happened_is_forgotten_in_the_end() -> None:
    history = [(signal, 0, NOW) for signal in SEED]
    assert scored(history, NOW + 181 * 86_400) == {}


def test_a_clock_that_is_behind_takes_a_signal_as_of_now() -> None:
    assert scored([(Signal.CART, 0, NOW)], NOW - 60) == {"0": 0.5}


def test_a_signal_without_numbers_says_nothing() -> None:
    every, _ = marks.joined(packed([(Signal.VIEW, 0, NOW)]))
    assert not Decay.of({}).strengths(every, NOW).any()
    assert np.isclose(Decay.of({"view": {"weight": 2, "days": 1}}).strengths(every, NOW), 2).all()
