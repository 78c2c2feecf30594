"""*Shop trends* in a real browser: a busy shop, a quiet one, and a new one."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from leafloaf.catalog.models import Product
from personalization.aggregation import aggregates
from personalization.models import (
    AggregateReport,
    Cohort,
    DailyFunnel,
    DailyIntent,
    DailyProduct,
    DailySupplier,
    HourlyActivity,
)
from tests.browser.conftest import Visit
from tests.browser.test_admin_pages import signed_in
from tests.browser.windows import FOUR, SCHEME_AND_WIDTH

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = "/admin/dashboards/shop-trends/"
Begin = Callable[..., Visit]
PRODUCTS = {
    "OATLY-0001": "Oat Drink Barista Edition 946 ml",
    "MILK-2PC-4L": "Lait 2 % partiellement écrémé biologique de pâturage, sac de 4 litres",
    "BAN-1": "Bananas",
    "A-SKU-WITHOUT-ANY-PLACE-WHERE-IT-MAY-BE-BROKEN-AND-64-CHARACTERS": "",
    "CHO-9": "חלב שיבולת שועל",
}
INTENTS = {"product_search": 300, "brand_search": 90, "browse_category": 60, "recipe": 8, "unknown": 14}


@pytest.fixture
def shop() -> None:
    """A shop of four busy weeks, counted a minute ago."""
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    now = datetime.now(UTC)
    days = [now.date() - timedelta(days=number) for number in range(28)]
    Product.objects.bulk_create(Product(sku=sku, name=name) for sku, name in PRODUCTS.items() if name)
    for name in (aggregates.EVENTS, aggregates.COHORTS):
        AggregateReport.objects.create(name=name, counted_at=now - timedelta(minutes=1), due_at=now, k=20)
    for day in days:
        sway = 1.2 + math.sin(day.toordinal() * 2 * math.pi / 7)
        DailyProduct.objects.bulk_create(
            DailyProduct(
                day=day,
                product_id=sku,
                views=round(400 * sway / place),
                clicks=round(120 * sway / place),
                adds=round(70 * sway / place),
                purchases=round(52 * sway / place),
            )
            for place, sku in enumerate(PRODUCTS, 1)
        )
        DailyIntent.objects.bulk_create(
            DailyIntent(day=day, intent=intent, searches=round(most * sway))
            for intent, most in INTENTS.items()
        )
        searches = round(470 * sway)
        DailyFunnel.objects.create(
            day=day,
            searches=searches,
            with_results=searches * 96 // 100,
            clicked=searches * 61 // 100,
            added=searches * 34 // 100,
            purchased=searches * 22 // 100,
        )
        queries = [{"query": "oat milk barista", "searches": 41, "shoppers": 30}]
        DailySupplier.objects.bulk_create(
            DailySupplier(
                day=day, supplier=supplier, searches=round(90 * sway), clicked=44, top_queries=queries[:many]
            )
            for supplier, many in (("Oatly", 1), ("Les Aliments de la Vallée Inc., Saint-Hyacinthe", 0))
        )
        HourlyActivity.objects.bulk_create(
            HourlyActivity(
                day=day,
                hour=datetime(day.year, day.month, day.day, hour, tzinfo=UTC),
                searches=20 + hour,
                orders=hour // 2,
            )
            for hour in range(24)
        )
    Cohort.objects.bulk_create(
        [
            Cohort(
                cohort_id="weekly",
                user_count=812,
                avg_basket_size=14.3,
                common_categories=["Dairy > Milk", "Produce"],
            ),
            Cohort(cohort_id="once", user_count=2309, avg_basket_size=6.1, common_categories=["Bakery"]),
            Cohort(cohort_id="browsing", user_count=5120, avg_basket_size=None, common_categories=[]),
        ]
    )


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_the_page_fits_its_window_and_leaves_the_console_quiet(visit: Begin, width: int, scheme: str) -> None:
    begun = signed_in(visit(width=width, scheme=scheme))
    begun.open(PAGE)
    begun.photograph(f"trends-{scheme}-{width}")
    expect(begun.page.get_by_role("img", name="Conversion: purchases per 100 views")).to_be_visible()
    expect(begun.page.get_by_role("rowheader", name="Bananas")).to_be_visible()
    for region in (
        "Popular products",
        "From search to purchase",
        "Intents",
        "Suppliers",
        "Cohorts",
        "Days of the week",
    ):
        expect(begun.page.get_by_role("region", name=region, exact=True).first).to_be_visible()
    assert begun.overflow() <= 0
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
def test_the_overview_leads_here_and_a_range_is_chosen_by_the_keyboard(visit: Begin) -> None:
    begun = signed_in(visit())
    begun.page.get_by_role("link", name="Shop trends").last.click()
    begun.page.get_by_role("link", name="90 days").press("Enter")
    expect(begun.page.get_by_role("link", name="90 days")).to_have_attribute("aria-current", "true")
    assert begun.errors == []


@pytest.mark.parametrize("width", [1440, 400])
def test_a_quiet_shop_and_a_new_one_are_told_what_to_do(visit: Begin, width: int) -> None:
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    begun = signed_in(visit(width=width))
    begun.open(PAGE)
    expect(begun.page.get_by_text("Nothing counted yet.")).to_be_visible()
    begun.photograph(f"trends-new-shop-{width}")
    aggregates.count()
    begun.open(PAGE)
    expect(begun.page.get_by_text("Nothing was searched, viewed or bought")).to_be_visible()
    begun.photograph(f"trends-quiet-shop-{width}")
    assert begun.overflow() <= 0
    assert begun.errors == []
