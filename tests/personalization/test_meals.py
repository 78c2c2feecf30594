"""Meals: groups grown from pairs, stored all at once, shown while the shop has everything of them."""

from itertools import combinations

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from leafloaf.catalog.models import Category, Offer, Product
from personalization.companions import basket_counts, meal_groups, meals
from personalization.companions.meals import Tie
from personalization.models import Meal
from tests.personalization import orders

Pair = tuple[str, str]
PAIRS = st.dictionaries(
    st.sampled_from(list(combinations("abcdefgh", 2))),
    st.builds(Tie, st.floats(0.01, 1), st.floats(0, 10)),
)


def ties_of(pairs: dict[Pair, Tie]) -> dict[str, dict[str, Tie]]:
    ties: dict[str, dict[str, Tie]] = {}
    for (one, other), tie in pairs.items():
        ties.setdefault(one, {})[other] = tie
        ties.setdefault(other, {})[one] = tie
    return ties


@given(PAIRS, st.lists(st.sampled_from(["x", "y", "z", None]), min_size=8, max_size=8))
def test_every_two_of_a_meal_go_together_and_stand_on_different_shelves(
    pairs: dict[Pair, Tie], shelves: list[str | None]
) -> None:
    categories = dict(zip("abcdefgh", shelves, strict=True))
    ties = ties_of(pairs)
    found = meals.grouped(ties, categories)
    for group in found:
        assert 3 <= len(set(group.products)) <= 5
        assert all(ties[one][other].lift >= meals.LIFT for one, other in combinations(group.products, 2))
        known = [categories[product] for product in group.products if categories[product]]
        assert len(known) == len(set(known))
    sets = [set(group.products) for group in found]
    assert not any(one < other for one in sets for other in sets)
    assert all(sum(product in one for one in sets) <= meals.MEALS_A_PRODUCT for product in "abcdefgh")


def test_two_products_are_no_meal() -> None:
    assert meals.grouped(ties_of({("a", "b"): Tie(1, 9)}), {}) == []


def test_a_product_that_is_far_from_the_others_does_not_join() -> None:
    near, far = Tie(0.8, 9), Tie(0.1, 9)
    pairs = {("a", "b"): near, ("a", "c"): near, ("b", "c"): near}
    pairs |= {("a", "d"): far, ("b", "d"): far, ("c", "d"): far}
    best = meals.grouped(ties_of(pairs), {})[0]
    assert best.products == ("a", "b", "c")


def test_meals_are_made_of_the_log_and_shown_while_all_of_them_is_there(
    log: None, settings: Settings
) -> None:
    settings.COMPLEMENTS_K = 1
    for sku in ("pasta", "sauce", "cheese", "soap"):
        category = Category.objects.create(name=f"Shelf of {sku}")
        Product.objects.create(sku=sku, name=sku, category=category)
    orders.sent([["pasta", "sauce", "cheese"]] * 20 + [["soap"]] * 60)
    basket_counts.run()
    call_command("group_meals")
    call_command("group_meals")
    assert Meal.objects.count() == 1
    [meal] = meal_groups.meals_with("pasta")
    assert meal.products == ("cheese", "pasta", "sauce")
    assert meal.lift == pytest.approx(80 / 20)
    assert meal_groups.meals_with("soap") == []
    assert meal_groups.meals_with("pasta", leave_out=["cheese"]) == []
    Offer.objects.create(product=Product.objects.get(sku="cheese"), in_stock=False)
    assert meal_groups.meals_with("pasta") == []
