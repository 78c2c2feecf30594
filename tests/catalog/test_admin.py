import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from leafloaf.catalog.models import Category, Product
from leafloaf.catalog.search import search

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db

LISTS = ["product", "category", "brand", "supplier"]


def statements(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_as_many_statements_for_thirty_rows_as_for_one(
    admin_client: Client, make_product: MakeProduct, name: str
) -> None:
    address = reverse(f"admin:catalog_{name}_changelist")
    make_product("Quinoa", brand="Nord", category="Pantry > Grains", price="3.00")
    admin_client.get(address)
    one = statements(admin_client, address)
    for n in range(30):
        make_product(f"Quinoa {n}", brand=f"Nord {n}", category=f"Pantry > Grains {n}", price="3.00")
    assert statements(admin_client, address) == one


def test_products_are_listed_with_price_and_stock(admin_client: Client, make_product: MakeProduct) -> None:
    make_product("Quinoa", brand="Nord", price="3.00")
    make_product("Amaranth")
    page = admin_client.get(reverse("admin:catalog_product_changelist")).content.decode()
    assert re.search(r"3\.00 CAD", page)
    assert "on request" in page


@pytest.mark.parametrize("query", ["quin", "s-1", "nord"])
def test_staff_find_a_product_by_name_sku_and_brand(
    admin_client: Client, make_product: MakeProduct, query: str
) -> None:
    make_product("Quinoa", sku="s-1", brand="Nord")
    make_product("Rye loaf", sku="b-1")
    page = admin_client.get(reverse("admin:catalog_product_changelist"), {"q": query}).content.decode()
    assert "Quinoa" in page
    assert "Rye loaf" not in page


def form(product: Product, **changed: str) -> dict[str, str]:
    fields = {
        "sku": product.sku, "name": product.name, "brand": "", "category": "", "supplier": "", "size": "",
        "dietary": "", "description": "", "attributes": "{}",
        "offer-TOTAL_FORMS": "1", "offer-INITIAL_FORMS": "0", "offer-0-product": str(product.pk),
        "offer-0-price": "2.50", "offer-0-currency": "CAD", "offer-0-in_stock": "on",
    }  # fmt: skip
    return fields | changed


def test_a_product_edited_here_is_found_at_once(admin_client: Client, make_product: MakeProduct) -> None:
    product = make_product("Quinoa")
    address = reverse("admin:catalog_product_change", args=[product.pk])
    assert admin_client.get(address).status_code == 200
    answer = admin_client.post(address, form(product, name="Épeautre", dietary="organic,vegan"))
    assert answer.status_code == 302, answer.content.decode()
    (hit,) = search("epeautre vegan").results
    assert str(hit.price) == "2.50"
    assert search("quinoa").total == 0


def test_a_product_made_and_deleted_here_is_found_and_gone(admin_client: Client) -> None:
    added = admin_client.post(
        reverse("admin:catalog_product_add"),
        form(Product(sku="s-1", name="Quinoa"), **{"offer-0-product": ""}),
    )
    assert added.status_code == 302
    (hit,) = search("quinoa").results
    admin_client.post(reverse("admin:catalog_product_delete", args=[hit.product_id]), {"post": "yes"})
    assert search("quinoa").total == 0


def test_a_category_cannot_be_put_below_itself_here(admin_client: Client, make_product: MakeProduct) -> None:
    make_product("Quinoa", category="Pantry > Grains")
    top, low = Category.objects.get(path="Pantry"), Category.objects.get(path="Pantry > Grains")
    answer = admin_client.post(
        reverse("admin:catalog_category_change", args=[top.pk]), {"name": "Pantry", "parent": str(low.pk)}
    )
    assert answer.status_code == 200
    assert "below itself" in answer.content.decode()


def test_a_category_shows_its_path_once_it_has_one(admin_client: Client) -> None:
    add = reverse("admin:catalog_category_add")
    assert "field-path" not in admin_client.get(add).content.decode()
    admin_client.post(add, {"name": "Pantry", "parent": ""})
    made = Category.objects.get()
    change = admin_client.get(reverse("admin:catalog_category_change", args=[made.pk]))
    assert "field-path" in change.content.decode()


def test_two_categories_cannot_share_a_path_here(admin_client: Client, make_product: MakeProduct) -> None:
    make_product("Quinoa", category="Pantry")
    answer = admin_client.post(reverse("admin:catalog_category_add"), {"name": "Pantry", "parent": ""})
    assert answer.status_code == 200
    assert "already" in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("oat bar", {"Oat milk barista"}),
        ("MILK", {"Oat milk barista", "Whole milk, 2 L"}),
        ("m-0", {"Whole milk, 2 L"}),
        ("2 l", {"Whole milk, 2 L"}),
        ("lait", set()),
        ("%", set()),
        ("\0", {"Oat milk barista", "Whole milk, 2 L"}),
    ],
)
def test_a_search_of_products_takes_the_beginnings_of_words(
    admin_client: Client, make_product: MakeProduct, query: str, found: set[str]
) -> None:
    make_product("Oat milk barista", sku="a-1")
    make_product("Whole milk, 2 L", sku="M-02")
    page = admin_client.get(reverse("admin:catalog_product_changelist"), {"q": query}).content.decode()
    assert {name for name in ("Oat milk barista", "Whole milk, 2 L") if name in page} == found


def test_a_shelf_has_what_stands_below_it(admin_client: Client, make_product: MakeProduct) -> None:
    make_product("Quinoa", category="Pantry > Grains")
    make_product("Salt", category="Pantry")
    make_product("Milk", category="Pantry and dairy")
    shelf = Category.objects.get(path="Pantry")
    address = reverse("admin:catalog_product_changelist")
    page = admin_client.get(address, {"shelf": shelf.pk}).content.decode()
    assert "Quinoa" in page
    assert "Salt" in page
    assert ">Milk<" not in page
    assert "Milk" in admin_client.get(address, {"shelf": "x"}).content.decode()


def test_the_products_of_a_brand_are_counted_and_a_click_away(
    admin_client: Client, make_product: MakeProduct
) -> None:
    product = make_product("Quinoa", brand="Nord")
    make_product("Rye loaf")
    page = admin_client.get(reverse("admin:catalog_brand_changelist")).content.decode()
    (link,) = re.findall(r'href="(/admin/catalog/product/[^"]+)">1</a>', page)
    assert link.endswith(f"?brand__id__exact={product.brand_id}")
    listed = admin_client.get(link).content.decode()
    assert "Quinoa" in listed
    assert "Rye loaf" not in listed


def test_no_list_counts_its_table_to_the_end(admin_client: Client, make_product: MakeProduct) -> None:
    make_product("Quinoa", brand="Nord", category="Pantry > Grains")
    for name in LISTS:
        with CaptureQueriesContext(connection) as captured:
            admin_client.get(reverse(f"admin:catalog_{name}_changelist"), {"q": "quinoa"})
        counts = [one["sql"] for one in captured if re.match(r"SELECT COUNT\(", one["sql"], re.IGNORECASE)]
        assert counts == [], name
