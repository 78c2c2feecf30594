"""The order for one person: a permutation that moves so far and no further."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.recommending import rerank
from personalization.recommending.rerank import CLEAR, DOWN, UP, Candidate

scores = st.lists(st.floats(0, 1), max_size=60).map(lambda some: sorted(some, reverse=True))


@st.composite
def pages(draw: st.DrawFn, pins: bool = True) -> list[Candidate]:
    """Candidates by falling score, with any likings and pins."""
    return [
        Candidate(score, draw(st.sampled_from([0, 0, 0.2, 1, -1])), pins and draw(st.integers(0, 9)) == 0)
        for score in draw(scores)
    ]


@given(pages(), st.integers(1, 100))
def test_it_is_a_permutation(page: list[Candidate], limit: int) -> None:
    assert sorted(rerank.order(page, limit)) == list(range(len(page)))


@given(scores, st.integers(1, 100))
def test_without_likings_nothing_moves(page: list[float], limit: int) -> None:
    candidates = [Candidate(score) for score in page]
    assert rerank.order(candidates, limit) == list(range(len(page)))


@given(pages(pins=False), st.integers(1, 100))
def test_nobody_moves_further_than_the_bounds(page: list[Candidate], limit: int) -> None:
    for turn, place in enumerate(rerank.order(page, limit)):
        assert -DOWN <= place - turn <= UP


@given(pages(), st.integers(1, 100))
def test_a_clear_match_stays_on_its_page(page: list[Candidate], limit: int) -> None:
    for turn, place in enumerate(rerank.order(page, limit)):
        if page[place].score >= CLEAR:
            assert turn // limit <= place // limit


@given(pages(), st.integers(1, 100))
def test_what_is_pinned_stays(page: list[Candidate], limit: int) -> None:
    found = rerank.order(page, limit)
    assert all(found[place] == place for place, one in enumerate(page) if one.is_pinned)


@given(pages(pins=False), st.integers(1, 100), st.data())
def test_a_greater_liking_never_costs_a_place(page: list[Candidate], limit: int, data: st.DataObject) -> None:
    if not page:
        return
    chosen = data.draw(st.integers(0, len(page) - 1))
    liked = [replace(one, liking=1.0) if place == chosen else one for place, one in enumerate(page)]
    assert rerank.order(liked, limit).index(chosen) <= rerank.order(page, limit).index(chosen)


@pytest.mark.parametrize(
    ("likings", "expected"),
    [
        ({3: 1.0}, [0, 3, 1, 2, 4]),
        ({4: 1.0}, [0, 1, 4, 2, 3]),
        ({0: -1.0}, [1, 2, 0, 3, 4]),
        ({3: 1.0, 4: 1.0}, [0, 3, 1, 4, 2]),
    ],
)
def test_what_is_liked_comes_first_among_the_like(likings: dict[int, float], expected: list[int]) -> None:
    page = [Candidate(score, likings.get(place, 0)) for place, score in enumerate((1, 0.85, 0.75, 0.6, 0.5))]
    assert rerank.order(page, 20) == expected


def test_a_liked_product_far_below_comes_up_by_its_bound() -> None:
    page = [Candidate(0.5) for _ in range(30)]
    page[25] = Candidate(0.5, 1.0)
    assert rerank.order(page, 20).index(25) == 15
