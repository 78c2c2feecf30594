"""Hints of a household, and how dear somebody buys: arithmetic alone."""

import pytest

from personalization.inference import household, spending
from personalization.inference.household import Bought
from personalization.signals.decay import DAY

NOW = 1_800_000_000


def weekly(quantity: float, category: str = "Pantry", weeks: int = 8) -> list[Bought]:
    return [Bought(NOW - week * 7 * DAY, quantity, category) for week in range(1, weeks + 1)]


def test_who_buys_for_many_is_many() -> None:
    [small], [large] = household.hints(weekly(10), NOW), household.hints(weekly(42), NOW)
    assert (small.about, small.value, large.value) == ("size", 1, 4)
    assert small.because.startswith("About 10 units a week over 8 orders")


def test_a_few_orders_tell_no_size() -> None:
    assert household.hints(weekly(10, weeks=3), NOW) == []
    assert household.hints([Bought(NOW - DAY * day, 9, None) for day in range(1, 9)], NOW) == []


@pytest.mark.parametrize(
    ("shelf", "about"),
    [("Pet > Cat Food", "pets"), ("Animaux > Chats", "pets"), ("Baby > Diapers", "children")],
)
def test_shelves_of_pets_and_babies_hint_at_them_once_bought_from_twice(shelf: str, about: str) -> None:
    assert household.hints(weekly(1, shelf, weeks=1), NOW) == []
    [hint] = household.hints(weekly(1, shelf, weeks=2), NOW)
    assert (hint.about, hint.value, hint.because) == (about, True, f"Bought from {shelf} in 2 orders")


def test_no_hint_is_ever_sure_and_the_more_is_seen_the_surer_it_is() -> None:
    few, many = (household.hints(weekly(1, "Pets", weeks), NOW)[-1] for weeks in (2, 12))
    assert few.confidence < many.confidence < household.MOST_CONFIDENCE


def test_what_was_bought_long_ago_hints_at_nothing() -> None:
    old = [Bought(line.second - 91 * DAY, line.quantity, line.category) for line in weekly(1, "Pets")]
    assert household.hints(old, NOW) == []


PRICES = {"Milk": [1.0, 2.0, 3.0, 4.0, 5.0], "Salt": [1.0, 2.0]}


@pytest.mark.parametrize(("price", "place"), [(1.0, 1.0), (3.0, 0.5), (5.0, 0.0), (0.5, 1.0), (9.0, 0.0)])
def test_the_cheapest_of_a_shelf_is_1_and_the_dearest_0(price: float, place: float) -> None:
    assert spending.sensitivity([("Milk", price)] * 5, PRICES) == place


def test_four_purchases_or_shelves_without_a_choice_tell_nothing() -> None:
    assert spending.sensitivity([("Milk", 1.0)] * 4, PRICES) is None
    assert spending.sensitivity([("Salt", 1.0)] * 9, PRICES) is None
    assert spending.sensitivity([("Unknown", 1.0)] * 9, PRICES) is None
