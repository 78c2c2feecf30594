"""Two lists become one, by how their scores stand between the best and the last of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leafloaf.catalog.fusion import fuse, relative

scores = st.floats(-1e6, 1e6, allow_subnormal=False)
lists = st.dictionaries(st.integers(1, 60), scores, max_size=40).map(lambda found: list(found.items()))
alphas = st.floats(0, 1)


def test_scores_are_stretched_weighted_and_added() -> None:
    keyword = [("milk", 12.0), ("oat milk", 8.0), ("soap", 4.0)]
    semantic = [("oat milk", 0.9), ("cream", 0.6), ("soap", 0.4)]
    assert fuse(keyword, semantic, 0.3) == [
        ("milk", pytest.approx(0.7)),
        ("oat milk", pytest.approx(0.7 * 0.5 + 0.3)),
        ("cream", pytest.approx(0.3 * 0.4)),
        ("soap", 0.0),
    ]


def test_an_only_product_is_the_best_of_its_list() -> None:
    assert fuse([("milk", 0.01)], [], 0.3) == [("milk", 0.7)]
    assert relative([("a", 5.0), ("b", 5.0)]) == {"a": 1.0, "b": 1.0}


def test_two_empty_lists_are_an_empty_one() -> None:
    assert fuse([], [], 0.5) == []


@given(lists, lists)
def test_alpha_0_and_1_are_one_list_alone(
    keyword: list[tuple[int, float]], semantic: list[tuple[int, float]]
) -> None:
    for alpha, alone in ((0.0, keyword), (1.0, semantic)):
        assert dict(fuse(keyword, semantic, alpha)) == relative(alone)


@given(lists, lists, alphas)
def test_every_score_is_between_0_and_1_and_the_best_stands_first(
    keyword: list[tuple[int, float]], semantic: list[tuple[int, float]], alpha: float
) -> None:
    fused = [score for _, score in fuse(keyword, semantic, alpha)]
    assert all(0 <= score <= 1 for score in fused)
    assert fused == sorted(fused, reverse=True)


@given(lists, lists, st.floats(0.01, 0.99))
def test_what_both_lists_put_before_stays_before(
    keyword: list[tuple[int, float]], semantic: list[tuple[int, float]], alpha: float
) -> None:
    fused = dict(fuse(keyword, semantic, alpha))
    words, meaning = dict(keyword), dict(semantic)
    both = sorted(words.keys() & meaning.keys())
    for one in both:
        for other in both:
            if words[one] >= words[other] and meaning[one] >= meaning[other]:
                assert fused[one] >= fused[other]


@given(lists, lists, alphas)
def test_every_product_of_a_list_that_counts_is_there_once(
    keyword: list[tuple[int, float]], semantic: list[tuple[int, float]], alpha: float
) -> None:
    keys = [key for key, _ in fuse(keyword, semantic, alpha)]
    wanted = (dict(keyword) if alpha < 1 else {}) | (dict(semantic) if alpha > 0 else {})
    assert sorted(keys) == sorted(wanted)
