"""What goes with a product, as it is served: the ranks of the arithmetic, and only what the shop sells."""

import numpy as np
import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from bench.personalization import sets
from leafloaf.catalog.models import Category, Offer, Product
from personalization.companions import basket_counts, baskets, meals
from personalization.models import BasketTable, Meal
from personalization.prediction import complements, histories
from personalization.prediction.histories import Histories
from tests import data
from tests.personalization import orders, shops
from tests.personalization.test_basket_counts import emptied

BASKETS = st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=6), min_size=1, max_size=15)
SCORES_DIFFER_BY = 1e-6  # the arithmetic keeps similarities in 32 bits


def history_of(sent: list[list[str]]) -> Histories:
    rows: shops.Rows = [(f"s{n}", f"o{n}", sku, 1) for n, basket in enumerate(sent) for sku in basket]
    return histories.arranged(rows)


def expected(shop: Histories, asked: list[str]) -> dict[str, float]:
    """The scores of the arithmetic for all that was ever bought with one of these."""
    made = complements.built(shop)
    numbers = [shop.products.index(sku) for sku in asked if sku in shop.products]
    near = {
        int(other)
        for number in numbers
        for other, similarity in zip(
            made.neighbours.product[number], made.neighbours.similarity[number], strict=True
        )
        if similarity > 0
    }
    scores = complements.scores(made, np.array(sorted(numbers), np.int64))
    return {shop.products[other]: float(scores[other]) for other in near - set(numbers)}


def sold(*skus: str) -> None:
    Product.objects.bulk_create([Product(sku=sku, name=f"Product {sku}") for sku in skus])


@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(BASKETS, st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3, unique=True))
def test_the_ranks_are_those_of_the_arithmetic(
    log: None, settings: Settings, sent: list[set[str]], asked: list[str]
) -> None:
    settings.COMPLEMENTS_K = 1
    emptied()
    Product.objects.all().delete()
    sold(*"abcdefgh")
    bought = [sorted(basket) for basket in sent]
    orders.sent(bought)
    basket_counts.run()
    shop = history_of(bought)
    found = baskets.complements_of(asked, 50)
    wanted = expected(shop, asked)
    assert {one.sku: one.score for one in found} == pytest.approx(wanted, abs=SCORES_DIFFER_BY)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_lift_and_support_are_told_of_the_pair(log: None, settings: Settings) -> None:
    settings.COMPLEMENTS_K = 1
    sold("milk", "bread", "gin")
    orders.sent([["milk", "bread"]] * 3 + [["milk"]] + [["gin"]] * 4)
    basket_counts.run()
    [bread] = baskets.complements_of(["milk"])
    assert (bread.sku, bread.reason) == ("bread", "Often bought with Product milk")
    assert bread.lift == pytest.approx((3 / 8) / (4 / 8 * 3 / 8))
    assert bread.support == pytest.approx(3 / 8)


def test_only_what_the_shop_has_is_shown(log: None, settings: Settings) -> None:
    settings.COMPLEMENTS_K = 1
    sold("milk", "bread", "jam", "butter")
    Offer.objects.create(product=Product.objects.get(sku="bread"), in_stock=False)
    orders.sent([["milk", "bread", "jam", "butter", "no longer sold"]] * 3)
    basket_counts.run()
    assert {one.sku for one in baskets.complements_of(["milk"])} == {"jam", "butter"}
    assert [one.sku for one in baskets.complements_of(["milk"], leave_out=["jam"])] == ["butter"]
    assert [one.sku for one in baskets.complements_of(["milk", "jam"])] == ["butter"]
    assert len(baskets.complements_of(["milk"], limit=1)) == 1


def test_before_anything_was_counted_nothing_goes_with_anything(log: None) -> None:
    sold("milk")
    assert baskets.complements_of(["milk"]) == []
    assert baskets.complements_of([]) == []
    assert baskets.category_associations("Dairy") == []


def test_a_category_goes_with_those_outside_of_it(log: None, settings: Settings) -> None:
    settings.COMPLEMENTS_K = 1
    dairy = Category.objects.create(name="Dairy")
    shelves = {
        "milk": Category.objects.create(name="Milk", parent=dairy),
        "cream": Category.objects.create(name="Cream", parent=dairy),
        "bread": Category.objects.create(name="Bakery"),
        "gin": Category.objects.create(name="Spirits"),
    }
    for sku, category in shelves.items():
        Product.objects.create(sku=sku, name=sku, category=category)
    orders.sent([["milk", "cream", "bread"]] * 4 + [["gin"]] * 4 + [["gin", "cream"]])
    basket_counts.run()
    assert [one.path for one in baskets.category_associations("Dairy > Milk")] == ["Dairy > Cream", "Bakery"]
    bakery, spirits = baskets.category_associations("Dairy")
    assert (bakery.path, spirits.path) == ("Bakery", "Spirits")
    assert bakery.support == pytest.approx(4 / 9)
    [bread, *_] = baskets.complements_by_category("Dairy > Milk", leave_out=["cream"])
    assert (bread.sku, bread.reason) == ("bread", "Bakery is often bought with Milk")


def test_a_real_shop_is_ranked_as_the_arithmetic_does(log: None, settings: Settings) -> None:
    """BigBasket's orders, all of them, by the way of anybody's."""
    settings.COMPLEMENTS_K = 1
    folder = data.folder("bigbasket_orders")
    call_command("load_catalogue", str(folder / "catalogue.csv"))
    call_command("replay_orders", str(folder / "orders.csv"), str(folder / "items.csv"))
    call_command("count_baskets")
    shop = sets.bigbasket(folder)
    assert BasketTable.objects.get().baskets == len(set(zip(shop.shopper, shop.order, strict=True)))
    for product in range(0, len(shop.products), 25):
        sku = shop.products[product]
        wanted = expected(shop, [sku])
        found = {one.sku: one.score for one in baskets.complements_of([sku], 20)}
        best = sorted(wanted.values(), reverse=True)[:20]
        assert sorted(found.values(), reverse=True) == pytest.approx(best, abs=SCORES_DIFFER_BY)
        assert found == pytest.approx({other: wanted[other] for other in found}, abs=SCORES_DIFFER_BY)


def test_a_real_shop_has_meals_of_products_that_go_together(log: None) -> None:
    folder = data.folder("bigbasket_orders")
    call_command("load_catalogue", str(folder / "catalogue.csv"))
    call_command("replay_orders", str(folder / "orders.csv"), str(folder / "items.csv"))
    call_command("count_baskets")
    call_command("group_meals")
    made = list(Meal.objects.all())
    assert len(made) > 20
    categories = dict(Product.objects.values_list("sku", "category__path"))
    for meal in made:
        assert 3 <= len(meal.skus) <= 5
        assert len({categories[sku] for sku in meal.skus}) == len(meal.skus)
        assert meal.lift >= meals.LIFT
