"""*Search analytics* as staff get it."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from leafloaf.storefront import analytics, analytics_dashboard
from leafloaf.storefront.models import SearchReport
from tests.storefront.shoppers import NOW, clicked, searched

PAGE = "/admin/dashboards/search-analytics/"


@pytest.fixture
def olive(db: None, client: Client, settings: Settings) -> Iterator[Client]:
    """Staff who may see the counts, in a shop where three are a crowd."""
    settings.SEARCH_ANALYTICS_K = 3
    user = User.objects.create_user("olive", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_searchreport"))
    with time_machine.travel(NOW, tick=False):
        client.force_login(user)
        yield client


@pytest.fixture
def busy_shop(olive: Client) -> Client:
    first, *_ = searched("Oat Milk", by=range(6))
    clicked(first, position=4)
    searched("Crème brûlée", by=range(4), results_count=0)
    searched("zelda's surprise", by=range(2), intent="recipe")
    searched("", by=range(2), intent=None)
    analytics.count(NOW)
    return olive


def text_of(client: Client, query: str = "") -> str:
    answer = client.get(PAGE + query)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def test_a_new_shop_is_told_what_to_do(olive: Client) -> None:
    text = text_of(olive)
    assert "Nothing counted yet." in text
    assert "manage.py count_searches" in text


def test_a_shop_without_searches_is_told_where_to_search(olive: Client) -> None:
    analytics.count(NOW)
    text = text_of(olive)
    assert "No searches in the 24 hours before the last count." in text
    assert "No searches in this time." in text


def test_the_page_shows_all_of_it(busy_shop: Client) -> None:
    text = text_of(busy_shop)
    assert "Searches 14 Requests to search" in text
    assert "Shoppers 6 " in text
    assert "Without results 28.6 % Searches that found nothing: 4." in text
    assert "Clicked 7.1 % " in text
    assert "Mean position 4.0 " in text
    assert "Half within 20 ms" in text
    assert "oat milk 6 6 16.7 % 4.0 0.0 %" in text
    assert "creme brulee 4 4 0.0 % – 100.0 %" in text
    assert "creme brulee 4 4 100.0 % 4" in text
    assert "1 other query 2 Of fewer than 3 shoppers each, so never listed." in text
    assert "product search 71 % 71.4 % 10 10.0 % 40.0 %" in text
    assert "none of ours 14 % 14.3 % 2 0.0 % 0.0 %" in text
    assert "Intents: searches" in text
    assert "Rates: per cent of searches" in text


@pytest.mark.parametrize("query", ["", "?range=24h", "?range=7d", "?range=30d", "?range=<b>"])
def test_what_few_search_for_is_on_no_page(busy_shop: Client, query: str) -> None:
    assert "zelda" not in text_of(busy_shop, query)


def test_a_raised_k_hides_at_once_what_was_counted_before(busy_shop: Client, settings: Settings) -> None:
    settings.SEARCH_ANALYTICS_K = 5
    text = text_of(busy_shop)
    assert "oat milk" in text
    assert "creme brulee" not in text


def test_a_page_without_queries_says_why(busy_shop: Client, settings: Settings) -> None:
    settings.SEARCH_ANALYTICS_K = 20
    analytics.count(NOW)
    text = text_of(busy_shop)
    assert "No query of these 24 hours was made by 20 different shoppers ( SEARCH_ANALYTICS_K )." in text
    assert "never listed, only counted: 12 searches for 3 queries. A longer time may show more." in text
    assert "None that 20 different shoppers made." in text


def test_the_chosen_range_is_marked(busy_shop: Client) -> None:
    page = busy_shop.get(PAGE + "?range=7d").content.decode()
    assert '<a href="?range=7d" aria-current="true">7 days</a>' in page
    assert page.count('aria-current="true"') == 1


def test_a_count_that_is_overdue_says_so(busy_shop: Client) -> None:
    assert "is not running" not in text_of(busy_shop)
    SearchReport.objects.update(due_at=NOW - timedelta(minutes=12))
    assert "The next count was due 12 min ago." in text_of(busy_shop)


def test_counts_that_fail_say_so(busy_shop: Client) -> None:
    assert "Counting fails." not in text_of(busy_shop)
    SearchReport.objects.update(counted_at=NOW - timedelta(hours=9))
    assert "Counting fails." in text_of(busy_shop)
    assert "Counting fails." not in text_of(busy_shop, "?range=30d")


def test_common_queries_beyond_the_list_are_counted(
    busy_shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analytics_dashboard, "LISTED", 1)
    assert "1 more query 4 As common, but less frequent." in text_of(busy_shop)


def test_who_may_not_see_the_counts_may_not_see_the_page(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("passer-by", is_staff=True))
    assert client.get(PAGE).status_code == 403


@pytest.mark.parametrize("key", ["24h", "7d", "30d"])
def test_the_page_costs_a_bounded_number_of_queries(
    busy_shop: Client, django_assert_max_num_queries: DjangoAssertNumQueries, key: str
) -> None:
    with django_assert_max_num_queries(15):
        busy_shop.get(f"{PAGE}?range={key}")


def test_nothing_on_the_page_is_inline(busy_shop: Client) -> None:
    page = busy_shop.get(PAGE).content.decode()
    assert "style=" not in page
    assert not re.search(r"<script(?![^>]*src=)", page)


def test_from_a_query_without_results_a_way_leads_to_its_synonym(
    busy_shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analytics_dashboard, "ADD_SYNONYM", "admin:auth_user_add")
    searched("50 % & more", by=range(3), results_count=0)
    analytics.count(NOW)
    assert "Add a synonym" not in text_of(busy_shop)
    busy_shop.force_login(User.objects.create_superuser("root"))
    page = busy_shop.get(PAGE).content.decode()
    assert 'href="/admin/auth/user/add/?term=creme%20brulee"' in page
    assert 'href="/admin/auth/user/add/?term=50pct%20more"' in page
    monkeypatch.setattr(analytics_dashboard, "ADD_SYNONYM", "admin:nowhere")
    assert "Add a synonym" not in text_of(busy_shop)


def headline() -> tuple[str, str]:
    found = analytics_dashboard.SearchAnalytics().headline(RequestFactory().get("/"))
    return found.state, found.sentence


def test_the_headline_warns_of_searches_that_find_nothing(olive: Client) -> None:
    assert headline() == ("unknown", "Not counted yet")
    analytics.count(NOW)
    assert headline() == ("unknown", "No searches in the last 24 hours")
    searched(by=[1])
    analytics.count(NOW)
    assert headline() == ("healthy", "1 search in 24 hours, 0.0 % without results")
    searched(by=range(48), results_count=0)
    analytics.count(NOW)
    assert headline() == ("healthy", "49 searches in 24 hours, 98.0 % without results")
    searched(by=range(51))
    analytics.count(NOW)
    assert headline() == ("degraded", "100 searches in 24 hours, 48.0 % without results")
