"""Rules and synonyms with their preview, in a real browser."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from leafloaf.catalog import loading
from leafloaf.catalog.models import Brand, Category, MerchandisingRule, Placement, Product, Synonym
from tests.browser.conftest import Visit
from tests.browser.test_admin_pages import signed_in
from tests.browser.windows import FOUR, SCHEME_AND_WIDTH

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Begin = Callable[..., Visit]
RULES = "/admin/catalog/merchandisingrule/"
SYNONYMS = "/admin/catalog/synonym/"
CATALOGUE = """sku,name,brand,category,price,in_stock
m-1,Whole Milk 3.25%,Laiterie du Nord,Dairy > Milk,5.49,true
m-2,Organic Milk 2%,Laiterie du Nord,Dairy > Milk,6.99,true
m-3,Chocolate Milk,Val-des-Prés,Dairy > Milk,3.79,true
m-4,Lactose-Free Milk 2%,Val-des-Prés,Dairy > Milk,6.49,true
m-5,Goat Milk,Chèvrerie Belle-Rivière,Dairy > Milk,5.99,false
m-6,Milk Powder,Cuisine & Co,Pantry > Baking,8.99,true
m-7,Condensed Milk,Cuisine & Co,Pantry > Baking,3.29,true
m-8,Evaporated Milk,Cuisine & Co,Pantry > Baking,2.79,true
m-9,"Coconut Milk, Light",Soleil,Pantry > World Foods,2.49,true
m-10,"Coconut Milk, Extra Creamy and Stabiliser Free for Curries and Desserts",Soleil,Pantry > World Foods,2.99,true
m-11,Milk Chocolate Bar,Belmont,Snacks > Chocolate,3.99,true
m-12,Milk Chocolate Biscuits,Belmont,Snacks > Biscuits,4.29,true
m-13,Rice Pudding with Milk,Grand-maman,Dairy > Desserts,4.99,true
o-1,Oat Drink Barista,Avoine,Drinks > Plant-Based,4.49,true
o-2,Almond Drink,Avoine,Drinks > Plant-Based,4.29,true
"""


@pytest.fixture
def shop() -> None:
    """A shelf of milks, a rule of each kind, and a synonym."""
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    loading.load(CATALOGUE.splitlines(keepends=True))
    now = datetime.now(UTC)
    week = MerchandisingRule.objects.create(
        name="Plant week", action="pin", query="milk", match="words", ends_at=now + timedelta(days=6)
    )
    Placement.objects.create(rule=week, product=Product.objects.get(sku="o-1"), position=2)
    MerchandisingRule.objects.create(
        name="House brand first",
        action="boost",
        within=Category.objects.get(path="Dairy"),
        brand=Brand.objects.get(name="Laiterie du Nord"),
        factor=2.5,
        starts_at=now + timedelta(days=2),
    )
    MerchandisingRule.objects.create(
        name="No powder in January", action="bury", query="milk", factor=0, ends_at=now - timedelta(days=200)
    )
    Synonym.objects.all().delete()
    Synonym.objects.create(term="moo juice", replacements=["milk"])


def rule(name: str) -> str:
    return f"{RULES}{MerchandisingRule.objects.get(name=name).pk}/change/"


def fits_and_is_quiet(begun: Visit, name: str) -> None:
    begun.photograph(name)
    assert begun.overflow() <= 0
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_a_rule_is_previewed_on_its_page_and_not_saved(visit: Begin, width: int, scheme: str) -> None:
    begun = signed_in(visit(width=width, scheme=scheme))
    begun.open(rule("Plant week"))
    begun.page.locator("#id_placements-0-position").fill("1")
    begun.page.get_by_role("button", name="Preview").click()
    then = begun.page.get_by_role("region", name="Then")
    expect(then.get_by_role("listitem").first).to_contain_text("Oat Drink Barista")
    expect(then.get_by_role("listitem").first).to_contain_text("↑1")
    expect(then.get_by_role("listitem").first).to_contain_text("Plant week")
    expect(then.get_by_role("listitem").nth(1)).to_contain_text("↓1")
    expect(begun.page.get_by_role("region", name="Now").get_by_role("listitem")).to_have_count(12)
    expect(begun.page).to_have_url(re.compile("#preview$"))
    expect(begun.page.locator("#id_placements-0-position")).to_have_value("1")
    assert Placement.objects.get().position == 2
    fits_and_is_quiet(begun, f"merchandising-rule-{scheme}-{width}")


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_a_new_rule_is_filled_in_previewed_and_saved(visit: Begin, width: int, scheme: str) -> None:
    begun = signed_in(visit(width=width, scheme=scheme))
    begun.open(f"{RULES}add/")
    begun.page.fill("#id_name", "No powder")
    begun.page.select_option("#id_action", "bury")
    begun.page.fill("#id_query", "milk")
    begun.page.get_by_role("button", name="Preview").click()
    expect(begun.page.get_by_text("A bury needs a factor from 0 to 1.")).to_be_visible()
    expect(begun.page.get_by_text("Correct what is marked above first.")).to_be_in_viewport()
    begun.page.fill("#id_factor", "0")
    begun.page.locator(".field-brand .select2-selection").click()
    begun.page.locator(".select2-search__field").fill("cuisine")
    begun.page.get_by_role("option", name="Cuisine & Co").click()
    begun.page.get_by_role("button", name="Preview").click()
    now = begun.page.get_by_role("region", name="Now")
    expect(now.get_by_role("listitem").filter(has_text="gone").first).to_contain_text("Cuisine & Co")
    fits_and_is_quiet(begun, f"merchandising-new-rule-{scheme}-{width}")
    begun.page.get_by_role("button", name="Save", exact=True).click()
    expect(begun.page.get_by_text("was added successfully")).to_be_visible()
    assert MerchandisingRule.objects.get(name="No powder").factor == 0


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_a_synonym_is_previewed(visit: Begin, width: int, scheme: str) -> None:
    begun = signed_in(visit(width=width, scheme=scheme))
    begun.open(f"{SYNONYMS}add/")
    begun.page.fill("#id_term", "zuivel")
    begun.page.fill("#id_replacements", "coconut milk")
    begun.page.get_by_role("button", name="Preview").click()
    expect(begun.page.get_by_role("region", name="Now")).to_contain_text("Nothing is found.")
    expect(begun.page.get_by_role("region", name="Then").get_by_role("listitem").first).to_contain_text("new")
    fits_and_is_quiet(begun, f"merchandising-synonym-{scheme}-{width}")


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
@pytest.mark.parametrize(("address", "name"), [(RULES, "rules"), (SYNONYMS, "synonyms")])
def test_the_lists_fit_their_window(visit: Begin, width: int, scheme: str, address: str, name: str) -> None:
    begun = signed_in(visit(width=width, scheme=scheme))
    begun.open(address)
    fits_and_is_quiet(begun, f"merchandising-{name}-{scheme}-{width}")
