"""*Catalogue and merchandising*: what is missing, and what changes searches."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from leafloaf.catalog import catalogue_dashboard
from leafloaf.catalog.models import MerchandisingRule, Product, Synonym
from tests.staff.conftest import staff

pytestmark = pytest.mark.django_db
PAGE = "/admin/dashboards/catalogue/"
MakeProduct = Callable[..., Product]
PERMISSIONS = [
    f"catalog.{act}_{model}"
    for act in ("view", "add")
    for model in ("product", "merchandisingrule", "synonym")
]


@pytest.fixture
def mara() -> Client:
    return staff("mara", *PERMISSIONS, "storefront.view_searchreport")


def words(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_an_empty_shop_is_told_how_it_gets_its_products(mara: Client) -> None:
    Synonym.objects.all().delete()
    told = words(mara)
    assert "No products yet. manage.py load_catalogue" in told
    assert "No rule holds" in told
    assert "No synonym yet" in told
    assert "No products yet" in words(mara, "/admin/")


def test_a_number_leads_to_its_products(mara: Client, make_product: MakeProduct) -> None:
    make_product("Quinoa", brand="Nord", category="Pantry", price="3.00")
    make_product("Amaranth", category="Pantry", price="3.00", in_stock=False)
    make_product("Rye loaf", brand="Nord", price=None, in_stock=True)
    page = mara.get(PAGE).content.decode()
    numbers = dict(re.findall(r'<a href="(/admin/catalog/product/\?[^"]+)">(\d+)</a>', page))
    assert set(numbers.values()) == {"1"}
    behind = {
        link.rpartition("?")[2]: {
            name for name in ("Quinoa", "Amaranth", "Rye loaf") if name in mara.get(link).content.decode()
        }
        for link in numbers
    }
    assert behind == {
        "offer__in_stock__exact=0": {"Amaranth"},
        "missing=price": {"Rye loaf"},
        "missing=category": {"Rye loaf"},
        "missing=brand": {"Amaranth"},
    }


def test_a_count_ends(mara: Client, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_dashboard, "MOST_COUNTED", 3)
    for number in range(5):
        make_product(f"Loaf {number}")
    assert "Without a brand 3 or more" in words(mara)


def test_rules_are_listed_from_the_next_to_end(mara: Client) -> None:
    now = datetime.now(UTC)
    for name, starts, ends in (
        ("Forever", None, None),
        ("Over", None, now - timedelta(days=1)),
        ("Later", now + timedelta(days=2), now + timedelta(days=30)),
        ("Ending", None, now + timedelta(days=1)),
    ):
        MerchandisingRule.objects.create(
            name=name, action="boost", factor=2, query="milk", starts_at=starts, ends_at=ends
        )
    Synonym.objects.create(term="soda", replacements=["pop"])
    told = words(mara)
    assert re.search(r"Ending in force .* Later begins in .* Forever in force ", told)
    assert "Over" not in told.replace("Overview", "")
    assert "soda pop any in force" in told


def test_each_part_is_for_who_may_see_it() -> None:
    assert staff("passer-by").get(PAGE).status_code == 403
    told = words(staff("kim", "catalog.view_product"))
    assert "To mend" in told
    assert "Rules" not in told
    assert "Add a product" not in told


def test_the_page_takes_few_queries(mara: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(15):
        mara.get(PAGE)
