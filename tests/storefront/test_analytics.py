"""What is counted of searches: who hides in a crowd is named, who does not is only a number."""

import io
import threading
from datetime import timedelta

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from leafloaf.catalog.text import normalise
from leafloaf.storefront import analytics, tasks
from leafloaf.storefront.models import SearchIntent, SearchQuery, SearchReport
from tests.calls import search
from tests.storefront.shoppers import AGO, NOW, capture, clicked, put_into_cart, searched

K = 3


@pytest.fixture(autouse=True)
def _three_are_a_crowd(settings: Settings) -> None:
    settings.SEARCH_ANALYTICS_K = K


def report(key: str = "24h") -> SearchReport:
    return SearchReport.objects.get(range=key)


def named(key: str = "24h") -> dict[str, SearchQuery]:
    return {row.query: row for row in SearchQuery.objects.filter(report=key)}


# Who is named


@pytest.mark.django_db
def test_a_query_is_written_down_from_k_shoppers_on() -> None:
    searched("oat milk", by=range(K))
    searched("gift for aunt zelda", by=range(K - 1))
    analytics.count(NOW)
    assert set(SearchQuery.objects.values_list("query", flat=True)) == {"oat milk"}
    found = report()
    assert (found.searches, found.shoppers) == (5, 3)
    assert (found.queries, found.common_queries, found.common_searches) == (2, 1, 3)


@pytest.mark.django_db
def test_who_searches_often_is_one_shopper() -> None:
    searched("oat milk", by=["s-1"] * 9 + ["s-2"] * 9)
    analytics.count(NOW)
    assert named() == {}
    assert (report().searches, report().shoppers) == (18, 2)


@pytest.mark.django_db
def test_a_user_is_one_shopper_in_whatever_visit_and_nobody_is_none() -> None:
    capture(*(search(user_id="user_1", session_id=f"s-{number}") for number in range(5)))
    capture(*(search() for _ in range(5)))
    capture(search(user_id="user_2"), search(session_id="s-7"))
    analytics.count(NOW)
    assert named()["organic milk"].shoppers == 3
    assert named()["organic milk"].searches == 12


@pytest.mark.django_db
def test_no_shopper_is_written_down() -> None:
    capture(*(search(user_id=f"user_{number}", session_id=f"s-{number}") for number in range(K)))
    analytics.count(NOW)
    stored = [*SearchReport.objects.values(), *SearchQuery.objects.values(), *SearchIntent.objects.values()]
    assert len(stored) == 9
    assert not any("s-1" in str(value) or "user_" in str(value) for row in stored for value in row.values())


@pytest.mark.django_db
def test_who_is_erased_from_the_log_no_longer_counts() -> None:
    searched("oat milk", by=range(K))
    analytics.count(NOW)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM capture_event WHERE session_id = '0'")
    analytics.count(NOW)
    assert named() == {}
    assert (report().searches, SearchIntent.objects.filter(report="24h").get().searches) == (2, 2)


SPELLINGS = [
    "oat milk",
    "OAT  Milk",
    " oat milk ",
    "Oat-Milk!",
    "lait d’avoine",
    "L'huile d’Été, 2 %",
    "a.b 2.5 1,5 .x",
    "“quotes” 'single' \"double\"",
    "; DROP TABLE capture_event; --",
    "%s %(x)s % _ \\",
    "🥑 avocado 🥑",
    "חלב שיבולת שועל",
    "\u202eklim tao",
    "ŒUF Straße",
    "?!…",
    "x" * 256,
    "",
]


@pytest.mark.django_db
def test_a_query_is_known_by_its_normalised_words() -> None:
    for spelling in SPELLINGS:
        searched(spelling, by=range(K))
    analytics.count(NOW)
    expected = [normalise(spelling) for spelling in SPELLINGS]
    assert {query: row.searches // K for query, row in named().items()} == {
        query: expected.count(query) for query in expected if query
    }
    assert report().browsing == K * expected.count("")


# What is counted


@pytest.mark.django_db
def test_searches_without_results_are_counted() -> None:
    searched("oat milk", by=range(2))
    searched("oat milk", by=[2, 3], results_count=0)
    searched("oat milk", by=[4], results_count=None)
    analytics.count(NOW)
    assert (named()["oat milk"].no_results, report().no_results) == (2, 2)


@pytest.mark.django_db
def test_a_search_was_clicked_when_a_product_of_it_was_clicked_or_put_into_the_cart() -> None:
    first, second, third, _ = searched("oat milk", by=range(4))
    clicked(first, product_id="A", position=2)
    clicked(first, product_id="B", position=6)
    put_into_cart(first, product_id="A", position=2)
    put_into_cart(second, product_id="A", position=1)
    put_into_cart(third, product_id="A", action="remove", position=9)
    clicked(third, interaction_type="product_view", position=9)
    clicked("another-search", position=9)
    capture(search(session_id="s-9"))
    analytics.count(NOW)
    found = named()["oat milk"]
    assert (found.searches, found.clicked) == (4, 2)
    assert (found.choices, found.places) == (3, 2 + 6 + 1)
    assert (report().clicked, report().choices, report().places) == (2, 3, 9)


@pytest.mark.django_db
def test_a_place_that_cannot_be_spoils_no_mean() -> None:
    first, second, third = searched(by=range(K))
    clicked(first, position=2**63 - 1)
    clicked(second, position=0)
    clicked(third, position=4)
    analytics.count(NOW)
    assert (report().clicked, report().choices, report().places) == (3, 1, 4)


@pytest.mark.django_db
def test_a_click_that_comes_late_finds_its_search() -> None:
    early, *_ = searched(by=range(K), at=NOW - timedelta(hours=5))
    analytics.count(NOW)
    assert named()["oat milk"].clicked == 0
    clicked(early, position=3, at=NOW + timedelta(hours=2))
    analytics.count(NOW + timedelta(hours=3))
    assert (named()["oat milk"].clicked, named()["oat milk"].places) == (1, 3)


@pytest.mark.django_db
def test_response_times_are_told_by_their_middle_and_their_slowest_twentieth() -> None:
    for number in range(101):
        searched(by=[number], response_time_ms=float(number))
    searched(by=["elsewhere"], response_time_ms=None)
    analytics.count(NOW)
    assert (report().half_ms, report().most_ms) == (50, 95)


@pytest.mark.django_db
def test_each_range_has_its_own_searches_and_shoppers() -> None:
    searched(by=[1, 2], at=NOW - timedelta(hours=23))
    searched(by=[1, 3], at=NOW - timedelta(hours=25))
    searched(by=[1, 4], at=NOW - timedelta(days=8))
    searched(by=[5], at=NOW - timedelta(days=31))
    analytics.count(NOW)
    assert {one.range: (one.searches, one.shoppers) for one in SearchReport.objects.all()} == {
        "24h": (2, 2),
        "7d": (4, 3),
        "30d": (6, 4),
    }
    assert [set(named(key)) for key in ("24h", "7d", "30d")] == [set(), {"oat milk"}, {"oat milk"}]


@pytest.mark.django_db
def test_intents_are_counted_by_the_step_and_only_ours_by_name() -> None:
    searched(by=range(2), at=NOW - timedelta(hours=2, minutes=1))
    dinner, *_ = searched(by=range(3), intent="recipe")
    clicked(dinner)
    searched(by=[1], results_count=0, intent="I am Zelda, 12 Elm Street")
    searched(by=[2], intent=None)
    analytics.count(NOW)
    found = SearchIntent.objects.filter(report="24h").values_list(
        "moment", "intent", "searches", "no_results", "clicked"
    )
    last = NOW - timedelta(hours=1)
    assert sorted(found) == [
        (last - timedelta(hours=2), "product_search", 2, 0, 0),
        (last, "", 2, 1, 0),
        (last, "recipe", 3, 0, 1),
    ]


@pytest.mark.django_db
def test_only_so_many_queries_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analytics, "MOST_QUERIES", 2)
    for number, query in enumerate(["a", "b", "c", "d", "e"]):
        searched(query, by=range(9 - number), results_count=0 if query in "bde" else 5)
    analytics.count(NOW)
    assert set(named()) == {"a", "b", "d"}
    assert (report().common_queries, report().common_searches) == (5, 9 + 8 + 7 + 6 + 5)


# When, and how often


@pytest.mark.django_db
def test_counting_again_changes_nothing() -> None:
    first, *_ = searched(by=range(K))
    clicked(first)

    def counted() -> list[object]:
        analytics.count(NOW)
        rows = SearchQuery.objects.order_by("report").values_list("report", "query", "searches", "clicked")
        return [*rows, *SearchReport.objects.order_by("range").values_list("range", "searches", "places")]

    assert counted() == counted()


@pytest.mark.django_db
def test_a_report_is_counted_when_it_is_due(settings: Settings) -> None:
    assert analytics.count_due(NOW + timedelta(days=9)) == ["24h", "7d", "30d"]
    later = NOW + timedelta(days=9)
    assert analytics.count_due(later) == []
    assert analytics.count_due(later + timedelta(minutes=6)) == ["24h"]
    assert analytics.count_due(later + timedelta(minutes=61)) == ["24h", "7d"]
    assert analytics.count_due(later + timedelta(minutes=361)) == ["24h", "7d", "30d"]
    settings.SEARCH_ANALYTICS_K = 7
    assert analytics.count_due(later + timedelta(minutes=362)) == ["24h", "7d", "30d"]


@pytest.mark.django_db
def test_what_takes_long_is_counted_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analytics, "SHARE", 10**9)
    analytics.count(NOW)
    assert report("30d").due_at > NOW + timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_the_log_is_read_before_anything_is_written() -> None:
    searched(by=range(K))
    chosen = analytics.RANGES[0]
    with transaction.atomic(), connection.cursor() as cursor:
        assert analytics.read(chosen, NOW - chosen.span, NOW).total["searches"] == K
        cursor.execute("SELECT pg_current_xact_id_if_assigned()")
        assert cursor.fetchone() == (None,)


@pytest.mark.django_db(transaction=True)
def test_a_count_that_fails_leaves_the_one_before_and_is_tried_when_it_is_due() -> None:
    searched(by=range(K))
    analytics.count(NOW)
    later = NOW + timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION catalog_normalise(text) RENAME TO elsewhere")
        try:
            with pytest.raises(DatabaseError):
                analytics.count_due(later)
        finally:
            cursor.execute("ALTER FUNCTION elsewhere(text) RENAME TO catalog_normalise")
    assert (report().counted_at, set(named())) == (NOW, {"oat milk"})
    assert analytics.count_due(later) == ["7d", "30d"]
    assert analytics.count_due(later + timedelta(minutes=6)) == ["24h"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_count_a_report_once() -> None:
    searched(by=range(K))
    counted: list[str] = []

    def work() -> None:
        counted.extend(analytics.count_due(NOW + timedelta(days=9)))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(counted) == ["24h", "30d", "7d"]


@pytest.mark.django_db
def test_the_task_counts_what_is_due_and_the_command_everything() -> None:
    tasks.count_searches()
    first = report().counted_at
    assert first
    tasks.count_searches()
    assert report().counted_at == first
    call_command("count_searches", stdout=io.StringIO())
    assert (report().counted_at or first) > first
    assert "leafloaf.storefront.tasks.count_searches" in current_app.tasks


def test_a_search_of_just_now_is_in_the_range() -> None:
    assert timedelta(0) < AGO < min(chosen.span for chosen in analytics.RANGES)
    assert all(chosen.span % chosen.step == timedelta(0) for chosen in analytics.RANGES)
