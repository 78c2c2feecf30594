"""Whoever writes a product, search sees it at once, and a price touches no search row."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from leafloaf.catalog import products
from leafloaf.catalog.models import Brand, Category, Offer, Product
from leafloaf.catalog.search import Filters, search
from tests.catalog.conftest import make_category

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def search_row_versions() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT product_id, ctid::text, xmin::text FROM catalog_productsearch ORDER BY 1")
        return list(cursor.fetchall())


def skus(query: str) -> list[str]:
    return [hit.sku for hit in search(query).results]


def test_a_product_written_in_plain_sql_is_found() -> None:
    sql("INSERT INTO catalog_product (sku, name) VALUES ('s-1', 'Sirop d''érable')")
    assert skus("erable") == ["s-1"]
    (hit,) = search("sirop").results
    assert (hit.price, hit.currency, hit.in_stock) == (None, "CAD", True)


def test_a_product_renamed_in_plain_sql_is_found_by_its_new_name_only(make_product: MakeProduct) -> None:
    make_product("Old name", sku="s-1")
    sql("UPDATE catalog_product SET name = 'Quinoa' WHERE sku = 's-1'")
    assert (skus("quinoa"), skus("old")) == (["s-1"], [])


def test_a_product_deleted_in_plain_sql_takes_its_rows_along(make_product: MakeProduct) -> None:
    make_product("Quinoa", price="3.00")
    sql("DELETE FROM catalog_product")
    assert search_row_versions() == []
    assert not Offer.objects.exists()


def test_products_made_in_bulk_are_found() -> None:
    Product.objects.bulk_create(Product(sku=f"s-{n}", name=f"Quinoa {n}") for n in range(50))
    assert search("quinoa").total == 50


@pytest.mark.parametrize("field", ["size", "description"])
def test_every_text_of_a_product_is_found(make_product: MakeProduct, field: str) -> None:
    make_product("Thing", sku="s-1", **{field: "zebra"})
    assert skus("zebra") == ["s-1"]


def test_dietary_marks_and_attributes_are_found(make_product: MakeProduct) -> None:
    make_product("Thing", sku="s-1", dietary=["gluten-free"], attributes={"origin": "Kamouraska", "ok": True})
    assert skus("gluten free") == skus("kamouraska") == ["s-1"]


def test_a_renamed_brand_is_found_by_its_new_name_only(make_product: MakeProduct) -> None:
    make_product("Quinoa", sku="s-1", brand="Before")
    Brand.objects.filter(name="Before").update(name="Après")
    assert (skus("apres"), skus("before")) == (["s-1"], [])
    assert search("", filters=Filters(brand="apres")).total == 1


def test_a_renamed_category_renames_the_paths_below_it(make_product: MakeProduct) -> None:
    make_product("Quinoa", sku="s-1", category="Before > Grains > Old")
    category = Category.objects.get(path="Before")
    category.name = "Épicerie"
    category.save()
    assert Category.objects.filter(path="Épicerie > Grains > Old").exists()
    assert (skus("epicerie"), skus("before")) == (["s-1"], [])


def test_a_category_moves_with_all_that_stands_below_it(make_product: MakeProduct) -> None:
    make_product("Quinoa", sku="s-1", category="Grains > Whole")
    shelf = make_category("Pantry")
    Category.objects.filter(path="Grains").update(parent=shelf)
    assert [hit.category for hit in search("pantry").results] == ["Pantry > Grains > Whole"]


def test_a_category_cannot_stand_below_itself() -> None:
    low = make_category("A > B > C")
    top = Category.objects.get(path="A")
    top.parent = low
    with pytest.raises(ValidationError, match="below itself"):
        top.full_clean()
    with pytest.raises(IntegrityError, match="below itself"), transaction.atomic():
        top.save()


def test_a_price_or_stock_change_touches_no_search_row(make_product: MakeProduct) -> None:
    product = make_product("Quinoa", price="3.00", in_stock=True)
    before = search_row_versions()
    Offer.objects.filter(product=product).update(price="2.50", in_stock=False)
    product.save()  # nothing that search reads has changed
    assert search_row_versions() == before
    (hit,) = search("quinoa").results
    assert (str(hit.price), hit.in_stock) == ("2.50", False)


def test_a_text_of_any_length_can_be_saved(make_product: MakeProduct) -> None:
    make_product("Quinoa", description="x" * 300_000 + " word" * 300_000, attributes={"a": "y" * 3_000_000})
    assert search("quinoa").total == 1


def test_a_product_is_got_by_its_sku_with_all_its_page_shows(make_product: MakeProduct) -> None:
    make_product("Quinoa", sku="s-1", category="Pantry", description="From the Andes", price="3.00")
    detail = products.get("s-1")
    assert detail is not None
    assert (detail.name, detail.category, detail.description) == ("Quinoa", "Pantry", "From the Andes")
    assert str(detail.price) == "3.00"


@pytest.mark.parametrize("sku", ["unknown", "", "\0", "x" * 1000])
def test_an_unknown_sku_gives_nothing(db: None, sku: str) -> None:
    assert products.get(sku) is None
    assert products.listings([sku]) == {}
