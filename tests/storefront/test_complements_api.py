"""`GET /api/v1/products/{sku}/complements`, over HTTP."""

import pytest
from pytest_django import Settings

from leafloaf.catalog.models import Category, Offer, Product
from personalization.companions import basket_counts, meal_groups
from tests.calls import Api
from tests.personalization import orders


@pytest.fixture
def shop(log: None, settings: Settings) -> None:
    settings.COMPLEMENTS_K = 1
    for sku, name in (("milk", "Whole Milk"), ("bread/rye", "Rye Bread"), ("jam", "Jam"), ("gin", "Gin")):
        product = Product.objects.create(
            sku=sku, name=name, category=Category.objects.create(name=f"Shelf of {name}")
        )
        Offer.objects.create(product=product, price="2.50")
    orders.sent([["milk", "bread/rye", "jam"]] * 8 + [["gin"]] * 20)
    basket_counts.run()
    meal_groups.group()


def test_what_goes_with_a_product_has_its_listing_and_the_reason(shop: None, secret: Api) -> None:
    answer = secret.get("/api/v1/products/milk/complements")
    assert answer.status_code == 200
    found = answer.json()
    assert found["sku"] == "milk"
    assert {item["sku"] for item in found["items"]} == {"bread/rye", "jam"}
    bread = next(item for item in found["items"] if item["sku"] == "bread/rye")
    assert bread["lift"] == pytest.approx(3.5)
    assert bread["support"] == pytest.approx(8 / 28)
    assert (bread["reason"], bread["source"]) == ("Often bought with Whole Milk", "basket")
    assert (bread["name"], bread["price"], bread["in_stock"]) == ("Rye Bread", "2.50", True)
    [meal] = found["meals"]
    assert meal["skus"] == ["bread/rye", "jam", "milk"]
    assert meal["lift"] == pytest.approx(3.5)


def test_a_publishable_key_may_ask_too(shop: None, publishable: Api) -> None:
    assert publishable.get("/api/v1/products/milk/complements").status_code == 200


def test_a_sku_may_have_slashes(shop: None, secret: Api) -> None:
    found = secret.get("/api/v1/products/bread/rye/complements?limit=1").json()
    assert found["sku"] == "bread/rye"
    assert len(found["items"]) == 1
    assert secret.get("/api/v1/products/bread/rye").json()["sku"] == "bread/rye"


def test_what_the_shop_does_not_sell_is_not_found(shop: None, secret: Api) -> None:
    for sku in ("unknown", "no%00thing"):
        answer = secret.get(f"/api/v1/products/{sku}/complements")
        assert answer.status_code == 404
        assert answer["Content-Type"].startswith("application/problem+json")


def test_a_wrong_limit_is_told(shop: None, secret: Api) -> None:
    for wrong in ("limit=0", "limit=101", "limit=many", "size=3"):
        assert secret.get(f"/api/v1/products/milk/complements?{wrong}").status_code == 422


def test_for_a_product_without_pairs_its_category_speaks(shop: None, secret: Api) -> None:
    shelf = Category.objects.get(name="Shelf of Whole Milk")
    Product.objects.create(sku="new milk", name="New Milk", category=shelf)
    items = secret.get("/api/v1/products/new milk/complements").json()["items"]
    assert {item["sku"] for item in items} == {"bread/rye", "jam"}
    assert {item["source"] for item in items} == {"category"}
    assert "Shelf of Jam is often bought with Shelf of Whole Milk" in {item["reason"] for item in items}


def test_with_neither_pairs_nor_category_there_is_nothing(shop: None, secret: Api) -> None:
    Product.objects.create(sku="thing", name="Thing")
    answer = secret.get("/api/v1/products/thing/complements").json()
    assert (answer["items"], answer["meals"]) == ([], [])
    assert secret.get("/api/v1/products/gin/complements").json()["items"] == []
