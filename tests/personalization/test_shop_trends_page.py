"""*Shop trends* as staff get it."""

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from capture import ingest
from leafloaf.catalog.models import Product
from personalization.aggregation import aggregates, trends_dashboard
from personalization.models import AggregateReport
from tests.calls import cart, interaction, order, search

PAGE = "/admin/dashboards/shop-trends/"
MOST_QUERIES = 25


@pytest.fixture
def olive(log: None, client: Client, settings: Settings) -> Client:
    """Staff who may see the counts, in a shop where three are a crowd."""
    settings.SEARCH_ANALYTICS_K = 3
    user = User.objects.create_user("olive", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_dailyproduct"))
    client.force_login(user)
    return client


@pytest.fixture
def busy_shop(olive: Client) -> Client:
    Product.objects.create(sku="oat_1", name="Oat Drink")
    bodies = [
        body
        for number in range(4)
        for body in (
            search(
                search_id=f"s{number}",
                query="Oat  Milk",
                user_id=f"u{number}",
                suppliers=["Oatly"],
                intent="recipe",
            ),
            interaction(
                interaction_type="product_view", product_id="oat_1", category="Dairy", user_id=f"u{number}"
            ),
            interaction(search_id=f"s{number}", product_id="oat_1", user_id=f"u{number}"),
            cart(product_id="gone", user_id=f"u{number}"),
        )
    ]
    line = {"product_id": "oat_1", "quantity": 1, "price": 2}
    bodies += [
        order(user_id="u0", items=[line]),
        search(query="my rash", suppliers=["Oatly"], session_id="alone"),
    ]
    assert not ingest.accept([msgspec.json.encode(body) for body in bodies]).rejected
    aggregates.count()
    return olive


def text_of(client: Client, query: str = "") -> str:
    answer = client.get(PAGE + query)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def test_a_new_shop_is_told_what_to_do(olive: Client) -> None:
    text = text_of(olive)
    assert "Nothing counted yet." in text
    assert "manage.py count_aggregates" in text


def test_a_quiet_shop_is_told_so(olive: Client) -> None:
    aggregates.count()
    text = text_of(olive)
    assert "Nothing was searched, viewed or bought in these 28 days." in text
    assert "No product was viewed" in text


def test_the_page_tells_what_was_counted(busy_shop: Client) -> None:
    text = text_of(busy_shop)
    assert "Oat Drink oat_1 4 4 0 1 25.0 %" in text
    assert "gone not in the catalogue 0 0 4 0 –" in text
    assert "recipe 80 % 80.0 % 4" in text
    assert "Clicked 80 % 80.0 % 4" in text
    assert "Purchased 20 % 20.0 % 1" in text
    assert "Oatly 5 80.0 % oat milk" in text
    assert "browsing no order 3 – Dairy" in text


def test_nobody_who_stands_alone_is_on_the_page(busy_shop: Client) -> None:
    text = text_of(busy_shop)
    assert "rash" not in text
    assert "once" not in text.split("Cohorts")[1].split("Days of the week")[0].replace("counted once", "")


def test_a_higher_k_hides_at_once(busy_shop: Client, settings: Settings) -> None:
    settings.SEARCH_ANALYTICS_K = 5
    text = text_of(busy_shop)
    assert "oat milk" not in text
    assert "browsing" not in text


def test_the_page_takes_a_bounded_number_of_queries(
    busy_shop: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(MOST_QUERIES):
        text_of(busy_shop, "?range=90d")


def test_a_count_that_stopped_is_said(busy_shop: Client) -> None:
    AggregateReport.objects.update(due_at=datetime.now(UTC) - timedelta(hours=2))
    assert "Counting has stopped." in text_of(busy_shop)


def test_staff_without_the_permission_do_not_see_it(olive: Client) -> None:
    User.objects.get().user_permissions.clear()
    assert olive.get(PAGE).status_code in (302, 403)


def test_the_overview_says_it_in_one_line(busy_shop: Client, rf: RequestFactory) -> None:
    headline = trends_dashboard.ShopTrends().headline(rf.get("/"))
    assert headline.sentence == "4 product views and 1 purchase in 7 days"
