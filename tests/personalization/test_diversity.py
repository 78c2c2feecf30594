"""The order of a list: best first, but not all of one shelf, and with places for what goes with the cart."""

from hypothesis import given
from hypothesis import strategies as st

from personalization.recommending.diversity import EVERY, MOST_OF_A_SHELF, WINDOW, Candidate, arranged

candidates = st.lists(
    st.builds(Candidate, st.sampled_from(["a", "b", "c", None]), st.booleans()), max_size=50
)


@given(candidates, st.integers(1, 40))
def test_as_many_as_asked_each_once(given_: list[Candidate], limit: int) -> None:
    chosen = arranged(given_, limit)
    assert len(chosen) == len(set(chosen)) == min(limit, len(given_))


@given(candidates)
def test_of_the_first_few_are_of_one_shelf_while_others_are_left(given_: list[Candidate]) -> None:
    chosen = [given_[place].shelf for place in arranged(given_, WINDOW)]
    for turn, shelf in enumerate(chosen):
        left = [one.shelf for one in given_]
        for taken in chosen[:turn]:
            left.remove(taken)
        if shelf and chosen[:turn].count(shelf) >= MOST_OF_A_SHELF:
            assert all(other and chosen[:turn].count(other) >= MOST_OF_A_SHELF for other in left)


def test_without_a_reason_to_move_them_the_best_stay_first() -> None:
    assert arranged([Candidate(str(place)) for place in range(10)], 10) == list(range(10))


def test_what_goes_with_the_cart_has_every_fourth_place() -> None:
    given_ = [Candidate(str(place), place >= 20) for place in range(23)]
    chosen = arranged(given_, 16)
    assert [chosen[EVERY - 1], chosen[2 * EVERY - 1], chosen[3 * EVERY - 1]] == [20, 21, 22]
    assert chosen[15] == 12
