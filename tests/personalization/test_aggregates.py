"""Counting what all shoppers together did: each event once, whatever happens; nobody told apart who stands alone."""

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from capture import ingest
from capture.models import Event
from leafloaf.catalog.models import Product
from personalization.aggregation import aggregates, daily_counts, popularity
from personalization.models import (
    AggregateDay,
    AggregateReport,
    Cohort,
    DailyFunnel,
    DailyIntent,
    DailyProduct,
    DailySupplier,
    HourlyActivity,
    ProductCategory,
)
from tests.calls import cart, interaction, order, search
from tests.personalization.busy_shop import Shop

COUNTED = (DailyProduct, DailyIntent, HourlyActivity, ProductCategory, DailyFunnel, DailySupplier, Cohort)
NOW = datetime.now(UTC)
EARLIER = NOW - timedelta(minutes=10)


@pytest.fixture(autouse=True)
def small_crowds(settings: Settings) -> None:
    settings.SEARCH_ANALYTICS_K = 3


def send(*bodies: dict[str, Any], at: datetime = EARLIER) -> None:
    receipt = ingest.accept([msgspec.json.encode(body) for body in bodies], received_at=at)
    assert not receipt.rejected


def everything() -> dict[str, list[dict[str, Any]]]:
    """What is counted, in an order of its own."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in COUNTED:
        rows: Iterable[Any] = table._default_manager.values()
        found[table.__name__] = sorted(rows, key=str)
    return found


def emptied() -> None:
    tables = [model._meta.db_table for model in (*COUNTED, AggregateDay, AggregateReport)]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE capture_event, capture_eventkey, capture_watermark, {', '.join(tables)}")


# Each event once


@hypothesis_settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 10**6),
    batches=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    step=st.integers(1, 30),
)
def test_the_counts_are_the_same_however_the_log_is_cut(
    log: None, seed: int, batches: list[int], step: int
) -> None:
    emptied()
    shop = Shop(seed, datetime.now(UTC), shoppers=8, products=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregates, "STEP", step)
        for count in batches:
            shop.open(count, size=12)
            aggregates.count_due()
        aggregates.count()
    bit_by_bit = everything()
    aggregates.rebuild()
    assert everything() == bit_by_bit


def test_an_event_is_counted_once_when_many_count_at_once(log: None) -> None:
    send(*(interaction(product_id="milk") for _ in range(40)))
    several = [threading.Thread(target=count_and_close) for _ in range(6)]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert DailyProduct.objects.get().clicks == 40
    assert HourlyActivity.objects.get().clicks == 40


def count_and_close() -> None:
    try:
        aggregates.count()
    finally:
        connections.close_all()


def test_a_run_that_is_cut_short_leaves_nothing_half_counted(
    log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(interaction(product_id="milk"))
    with monkeypatch.context() as patch:
        patch.setattr(daily_counts, "COUNT_NEW", daily_counts.COUNT_NEW + "; SELECT 1/0")
        with pytest.raises(DatabaseError):
            aggregates.count()
    assert not DailyProduct.objects.exists()
    aggregates.count()
    aggregates.count()
    assert DailyProduct.objects.get().clicks == 1


def test_what_is_not_committed_yet_is_counted_later(log: None) -> None:
    began, may_commit = threading.Event(), threading.Event()
    slow = threading.Thread(target=slow_sender, args=(began, may_commit))
    slow.start()
    assert began.wait(60)
    send(interaction(product_id="bread"))
    aggregates.count()
    may_commit.set()
    slow.join()
    aggregates.count()
    assert dict(DailyProduct.objects.values_list("product_id", "clicks")) == {"bread": 1, "milk": 1}


def slow_sender(began: threading.Event, may_commit: threading.Event) -> None:
    try:
        with transaction.atomic():
            send(interaction(product_id="milk"))
            began.set()
            assert may_commit.wait(60)
    finally:
        connections.close_all()


def test_an_event_counts_on_the_day_it_happened_however_late_it_comes(log: None) -> None:
    happened = EARLIER - timedelta(days=3)
    send(interaction(product_id="milk", timestamp=happened.isoformat()))
    aggregates.count()
    assert DailyProduct.objects.get().day == happened.date()


def test_a_late_click_finds_its_search(log: None) -> None:
    send(search(search_id="one"))
    aggregates.count()
    assert DailyFunnel.objects.get().clicked == 0
    send(interaction(search_id="one"))
    aggregates.count()
    assert DailyFunnel.objects.get().clicked == 1


# When


def test_people_are_not_counted_again_before_they_are_due(log: None) -> None:
    send(search(search_id="one"))
    aggregates.count_due()
    send(search(search_id="two"))
    aggregates.count_due()
    assert DailyFunnel.objects.get().searches == 1
    assert DailyIntent.objects.get().searches == 2
    aggregates.count_due(datetime.now(UTC) + timedelta(minutes=10))
    assert DailyFunnel.objects.get().searches == 2


def test_what_the_log_forgets_is_forgotten_here(log: None) -> None:
    send(interaction(product_id="milk", category="Dairy"), search(suppliers=["Oatly"]))
    aggregates.count()
    aggregates.count(NOW + timedelta(days=89))
    assert DailyProduct.objects.exists()
    aggregates.count(NOW + timedelta(days=91))
    assert not any(everything().values())
    assert not AggregateDay.objects.exists()


# Erasure


def test_a_day_made_dirty_is_counted_from_what_the_log_still_holds(log: None) -> None:
    shop = Shop(3, NOW, shoppers=8, products=6)
    shop.open(8)
    aggregates.count()
    gone = (
        Event.objects.filter(subject_id__isnull=False).order_by("id").values_list("subject_id", flat=True)[0]
    )
    theirs = Event.objects.filter(subject_id=gone)
    days = {moment.astimezone(UTC).date() for moment in theirs.values_list("occurred_at", flat=True)}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM capture_event WHERE subject_id = %s", [gone])
    before = everything()
    aggregates.make_dirty(days)
    aggregates.count()
    after = everything()
    assert after["DailyProduct"] != before["DailyProduct"]
    aggregates.rebuild()
    rebuilt = everything()
    assert {name: rows for name, rows in after.items() if name not in NAMED} == {
        name: rows for name, rows in rebuilt.items() if name not in NAMED
    }


NAMED = ("ProductCategory", "Cohort")
"""The category that an erased event named for a product says nothing of a person, and stays until `--rebuild`."""


def test_no_aggregate_leads_to_anybody() -> None:
    models = [model for model in apps.get_app_config("personalization").get_models() if model in COUNTED]
    fields = {field.name for model in models for field in model._meta.get_fields()}
    assert len(models) == len(COUNTED)
    assert not fields & {"subject", "subject_id", "user_id", "session_id", "search_id"}


# Nobody told apart who stands alone


def asked(query: str, shoppers: int) -> None:
    send(
        *(
            search(query=query, suppliers=["Oatly"], session_id=f"{query}{number}")
            for number in range(shoppers)
        )
    )


def test_a_supplier_is_told_only_what_enough_shoppers_asked_for(log: None) -> None:
    asked("oat milk", 3)
    asked("my rash", 2)
    asked("zelda", 1)
    send(*(search(query="zelda", suppliers=["Oatly"], session_id="zelda0") for _ in range(9)))
    aggregates.count()
    found = DailySupplier.objects.get()
    assert found.searches == 15
    assert found.top_queries == [{"query": "oat milk", "searches": 3, "shoppers": 3}]


def test_a_higher_k_is_in_force_at_the_next_count(log: None, settings: Settings) -> None:
    asked("oat milk", 3)
    aggregates.count()
    settings.SEARCH_ANALYTICS_K = 4
    aggregates.count_due()
    assert DailySupplier.objects.get().top_queries == []


def bought(shopper: str, orders: int, *skus: str) -> None:
    items = [{"product_id": sku, "quantity": 1, "price": 2, "category": sku.title()} for sku in skus]
    send(*(order(order_id=f"{shopper}{number}", user_id=shopper, items=items) for number in range(orders)))


def test_a_cohort_is_shown_when_it_is_a_crowd(log: None) -> None:
    for number in range(3):
        bought(f"weekly{number}", 10, "milk", "bread")
    bought("monthly", 2, "milk")
    send(*(interaction(user_id=f"visitor{number}", product_id="milk") for number in range(4)))
    aggregates.count()
    assert list(Cohort.objects.order_by("cohort_id").values_list()) == [
        ("browsing", 4, ["Milk"], None),
        ("weekly", 3, ["Bread", "Milk"], 2.0),
    ]


# Popularity


@pytest.fixture
def shelves(log: None) -> None:
    Product.objects.bulk_create(Product(sku=sku, name=sku) for sku in ("milk", "bread", "eggs", "jam"))


@pytest.mark.usefixtures("shelves")
def test_a_purchase_makes_a_product_more_popular_than_a_few_looks() -> None:
    send(*(interaction(interaction_type="product_view", product_id="jam") for _ in range(9)))
    send(cart(product_id="bread"), order(items=[{"product_id": "milk", "quantity": 1, "price": 2}]))
    send(cart(product_id="eggs", quantity=0), interaction(product_id="gone from the catalogue"))
    aggregates.count()
    assert popularity.popular(10) == ["milk", "jam", "bread"]
    assert popularity.popular(1) == ["milk"]


@pytest.mark.usefixtures("shelves")
def test_popularity_looks_back_as_far_as_it_is_told() -> None:
    happened = (EARLIER - timedelta(days=20)).isoformat()
    send(
        order(items=[{"product_id": "milk", "quantity": 1, "price": 2}], timestamp=happened),
        cart(product_id="bread"),
    )
    aggregates.count()
    assert popularity.popular(10) == ["milk", "bread"]
    assert popularity.popular(10, days=7) == ["bread"]


@pytest.mark.usefixtures("shelves")
def test_popularity_is_that_of_the_last_count() -> None:
    assert popularity.popular(10) == []
    send(cart(product_id="bread"))
    aggregates.count()
    assert popularity.popular(10) == ["bread"]
    send(order(items=[{"product_id": "milk", "quantity": 1, "price": 2}]))
    aggregates.count()
    assert popularity.popular(10) == ["milk", "bread"]


def test_the_command_counts_and_rebuilds(log: None) -> None:
    send(interaction(product_id="milk"))
    call_command("count_aggregates")
    DailyProduct.objects.update(clicks=7)
    call_command("count_aggregates", rebuild=True)
    assert DailyProduct.objects.get().clicks == 1
