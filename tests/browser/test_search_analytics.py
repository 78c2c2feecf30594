"""*Search analytics* in a real browser: a busy shop, one where no query is common enough, and a new one."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from leafloaf.storefront import analytics
from leafloaf.storefront.models import SearchIntent, SearchQuery, SearchReport
from tests.browser.conftest import Visit
from tests.browser.test_admin_pages import signed_in
from tests.browser.windows import FOUR, SCHEME_AND_WIDTH
from tests.storefront.shoppers import searched

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = "/admin/dashboards/search-analytics/"
Begin = Callable[..., Visit]
QUERIES = [
    ("organic milk", 1841, 902, 3, 1204, 1.8),
    ("oat milk barista 1 l", 933, 610, 0, 702, 1.3),
    ("bananas", 871, 688, 0, 811, 1.1),
    ("gluten free bread under 5", 412, 377, 12, 120, 4.6),
    ("lait sans lactose", 203, 188, 0, 90, 2.2),
    ("dog food", 164, 131, 164, 0, 0),
    ("vegan parmesan", 96, 80, 71, 9, 7.5),
    ("חלב שיבולת שועל", 41, 33, 41, 0, 0),
    (
        "something that a great many shoppers asked for in so many words that no table likes it",
        22,
        20,
        2,
        1,
        31,
    ),
]
INTENTS = {
    "product_search": 300,
    "brand_search": 90,
    "browse_category": 60,
    "add_to_order": 25,
    "recipe": 8,
    "": 4,
}


@pytest.fixture
def shop() -> None:
    """A shop of a busy day, counted a minute ago."""
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    now = datetime.now(UTC) - timedelta(minutes=1)
    since = now - timedelta(hours=24)
    rows = [
        SearchIntent(
            report_id="24h",
            moment=since + timedelta(hours=hour),
            intent=intent,
            searches=(searches := round(most * (1.1 + math.sin(hour / 4 + len(intent))))),
            no_results=searches // 25,
            clicked=searches // 2,
        )
        for hour in range(24)
        for intent, most in INTENTS.items()
    ]
    SearchReport.objects.create(
        range="24h",
        due_at=now + timedelta(minutes=5),
        k=20,
        since=since,
        counted_at=now,
        searches=sum(row.searches for row in rows),
        shoppers=5204,
        no_results=sum(row.no_results for row in rows),
        clicked=sum(row.clicked for row in rows),
        choices=7331,
        places=17_594,
        half_ms=14.2,
        most_ms=48.7,
        browsing=311,
        queries=2977,
        common_queries=len(QUERIES),
        common_searches=sum(searches for _, searches, *_ in QUERIES),
    )
    SearchIntent.objects.bulk_create(rows)
    SearchQuery.objects.bulk_create(
        SearchQuery(
            report_id="24h",
            query=query,
            searches=searches,
            shoppers=shoppers,
            no_results=no_results,
            clicked=clicked,
            choices=clicked,
            places=round(clicked * place),
        )
        for query, searches, shoppers, no_results, clicked, place in QUERIES
    )


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_the_page_fits_its_window_and_leaves_the_console_quiet(visit: Begin, width: int, scheme: str) -> None:
    begun = signed_in(visit(width=width, scheme=scheme))
    begun.open(PAGE)
    begun.photograph(f"search-{scheme}-{width}")
    expect(begun.page.get_by_role("img", name="Intents: searches")).to_be_visible()
    expect(begun.page.get_by_role("rowheader", name="oat milk barista 1 l")).to_be_visible()
    for region in ("All searches", "Top queries", "Queries without results", "Intents"):
        expect(begun.page.get_by_role("region", name=region, exact=True).first).to_be_visible()
    assert begun.overflow() <= 0
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
def test_the_overview_leads_here_and_a_range_is_chosen_by_the_keyboard(visit: Begin) -> None:
    begun = signed_in(visit())
    begun.page.get_by_role("link", name="Search analytics").last.click()
    begun.page.get_by_role("link", name="7 days").press("Enter")
    expect(begun.page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    expect(begun.page.get_by_text("Nothing counted yet.")).to_be_visible()
    assert begun.errors == []


@pytest.mark.parametrize("width", [1440, 400])
def test_a_small_shop_is_told_why_no_query_is_listed(visit: Begin, width: int) -> None:
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    searched("oat milk", by=range(4), at=datetime.now(UTC) - timedelta(hours=2))
    analytics.count()
    begun = signed_in(visit(width=width))
    begun.open(PAGE)
    begun.photograph(f"search-small-shop-{width}")
    expect(begun.page.get_by_text("was made by 20 different shoppers")).to_be_visible()
    assert begun.page.get_by_text("oat milk").count() == 0
    assert begun.overflow() <= 0
    assert begun.errors == []


def test_a_new_shop_is_told_what_to_do(visit: Begin) -> None:
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    begun = signed_in(visit(width=400))
    begun.open(PAGE)
    begun.photograph("search-new-shop-400")
    expect(begun.page.get_by_text("Nothing counted yet.")).to_be_visible()
    assert begun.overflow() <= 0
    assert begun.errors == []
