from hypothesis import given
from hypothesis import strategies as st

from leafloaf.catalog import spelling

WORDS = st.text("abcdeklmrst", min_size=1, max_size=9)


def best(word: str, candidates: dict[str, int]) -> str:
    errors = spelling.errors_allowed(word)
    return spelling.likeliest(spelling.misspelt(word, candidates.items(), errors))[0].words[0]


@given(WORDS)
def test_a_word_is_no_error_away_from_itself(word: str) -> None:
    assert spelling.distance(word, word, 2) == 0


@given(WORDS, WORDS)
def test_the_way_there_is_the_way_back(left: str, right: str) -> None:
    assert spelling.distance(left, right, 2) == spelling.distance(right, left, 2)


@given(WORDS, st.data())
def test_one_slip_is_at_most_one_error(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    slips = [word[:at] + word[at + 1 :], word[:at] + "z" + word[at:], word[:at] + "z" + word[at + 1 :]]
    slips += [word[:at] + word[at + 1] + word[at] + word[at + 2 :]] if at + 1 < len(word) else []
    for slip in slips:
        distance = spelling.distance(word, slip, 1)
        assert distance is not None
        assert distance <= 1


def test_words_too_far_apart_have_no_distance() -> None:
    assert spelling.distance("milk", "bread", 2) is None
    assert spelling.distance("milk", "milkshake", 2) is None


def test_swapped_letters_are_likelier_than_another_letter() -> None:
    assert best("mlik", {"milk": 50, "mlix": 50}) == "milk"


def test_the_commoner_word_is_likelier_of_two_as_near() -> None:
    assert best("bred", {"bread": 500, "brew": 3}) == "bread"


def test_the_same_consonants_are_likelier() -> None:
    assert best("tamato", {"tomato": 10, "tambato": 10}) == "tomato"


def test_short_words_are_left_alone_and_long_ones_may_have_two_errors() -> None:
    assert [spelling.errors_allowed(word) for word in ("of", "oat", "oats", "bread")] == [0, 1, 1, 2]


def test_an_unfinished_word_costs_more_the_more_is_missing_and_when_words_follow() -> None:
    (near, far), (inside,) = (
        list(spelling.unfinished("choc", [("choco", 9), ("chocolate", 9)], is_last=True)),
        list(spelling.unfinished("choc", [("choco", 9)], is_last=False)),
    )
    assert near.cost < far.cost
    assert near.cost < inside.cost


def test_alternatives_are_few_and_each_word_is_named_once() -> None:
    many = [(f"mil{letter}", 5) for letter in "abcdefghij"] * 2
    likely = spelling.likeliest(spelling.misspelt("milz", many, 1))
    assert len(likely) == len({each.words for each in likely}) == spelling.ALTERNATIVES
