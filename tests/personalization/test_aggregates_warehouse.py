"""The aggregates in Postgres and the views in BigQuery: the same numbers of the same events, by two roads."""

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F, QuerySet, Sum
from pytest_django import Settings

from capture import log, sinks
from capture.models import Event, OutboxBatch
from capture.sinks.base import Batch
from capture.sinks.bigquery import BigQuerySink
from leafloaf.catalog.text import normalise
from leafloaf.stack.throwaway import ThrowawayStack
from personalization.aggregation import aggregates, preferences, trends
from personalization.models import (
    Cohort,
    DailyFunnel,
    DailyIntent,
    DailyProduct,
    DailySupplier,
)
from privacy import holders
from privacy.erasure import requests
from privacy.exporting import making
from privacy.holders import Presence, Task
from privacy.models import Actor, Subject
from tests.capture import stores
from tests.conftest import memory_configuration
from tests.personalization.busy_shop import Shop
from tests.standins import Standin

Rows = list[dict[str, Any]]
K = 3
MARGIN = timedelta(minutes=5)


@pytest.fixture
def warehouse(log: None, stack: ThrowawayStack, settings: Settings) -> Iterator[BigQuerySink]:
    """BigQuery behind the only sink, set up as by the command."""
    opened = stores.opened("bigquery", stack)
    assert isinstance(opened, stores.BigQueryStore)
    options = {
        "project": opened.sink.project,
        "dataset": opened.sink.dataset,
        "endpoint": opened.sink.endpoint,
        "views": ("personalization.aggregation.warehouse.views",),
    }
    settings.ENABLE_BIGQUERY, settings.SEARCH_ANALYTICS_K = True, K
    settings.QUERY_WORDS = "tests.capture.every_word.vouched"
    settings.SINKS = {
        "bigquery": memory_configuration(BACKEND="capture.sinks.bigquery.BigQuerySink", OPTIONS=options)
    }
    call_command("setup_bigquery", stdout=io.StringIO())
    sink = sinks.get("bigquery")
    assert isinstance(sink, BigQuerySink)
    yield sink
    opened.clean()


def view(sink: BigQuerySink, name: str) -> Rows:
    rows = sink.client.query_and_wait(f"SELECT * FROM `{sink.project}.{sink.dataset}.{name}`")
    return [dict(row) for row in rows]


def asked(sink: BigQuerySink, name: str) -> tuple[Rows, datetime]:
    """A view's rows, and the moment they are of."""
    rows = sink.client.query_and_wait(
        f"SELECT *, CURRENT_TIMESTAMP() AS asked_at FROM `{sink.project}.{sink.dataset}.{name}`"
    )
    found = [dict(row) for row in rows]
    return found, {row.pop("asked_at") for row in found}.pop()


def assert_same(ours: Rows, theirs: Rows, *keys: str) -> None:
    """The same rows, in any order; numbers to one in a thousand million."""

    def ordered(rows: Rows) -> Rows:
        return sorted(rows, key=lambda row: [str(row[key]) for key in keys])

    assert ours
    assert len(ours) == len(theirs)
    for one, other in zip(ordered(ours), ordered(theirs), strict=True):
        assert one == {
            name: pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            for name, value in other.items()
        }


def test_every_view_says_what_postgres_says(warehouse: BigQuerySink, stack: ThrowawayStack) -> None:
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    now = early_enough(warehouse, standin)
    accepted = Shop(seed=11, now=now).open(batches=50, size=60)
    assert accepted == Event.objects.count() == 3000
    call_command("drain", all=True, stdout=io.StringIO())
    deliver_some_twice(warehouse, standin)
    aggregates.count(now)
    agree(warehouse, now)
    assert is_telling()


def test_late_events_and_the_erasure_of_a_person_change_both_alike(
    warehouse: BigQuerySink, stack: ThrowawayStack
) -> None:
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    now = early_enough(warehouse, standin)
    Shop(seed=3, now=now).open(batches=12, size=40)
    counted(now)
    agree(warehouse, now)
    Shop(seed=4, now=now).open(batches=12, size=40)  # of the same days, after those were counted
    deliver_some_twice(warehouse, standin)
    counted(now)
    agree(warehouse, now)
    before = view(warehouse, "user_category_preferences"), view(warehouse, "daily_popular_products")
    for user_id in ("shopper_1", "shopper_2"):
        erase(user_id, standin)
    now = time_of(warehouse)
    aggregates.rebuild(now)  # the category that an erased event named is otherwise kept
    agree(warehouse, now)
    after = view(warehouse, "user_category_preferences"), view(warehouse, "daily_popular_products")
    assert len({row["user_id"] for row in before[0]}) == len({row["user_id"] for row in after[0]}) + 2
    assert sum(row["purchases"] for row in before[1]) > sum(row["purchases"] for row in after[1])


def counted(now: datetime) -> None:
    call_command("drain", all=True, stdout=io.StringIO())
    aggregates.rebuild(now)


def erase(user_id: str, standin: Standin) -> None:
    """By every holder, after BigQuery has let go of what was streamed."""
    OutboxBatch.objects.update(delivered_at=F("delivered_at") - timedelta(hours=2))
    standin.advance(2 * 3600)
    scope = making.scope_of(Subject.objects.get(user_id=user_id))
    requests.open_for(user_id, Actor.USER, timedelta(0))
    tasks = {
        name: Task(scope, holders.get(name).plan(scope), datetime.now(UTC)) for name in holders.enabled()
    }
    for name, task in tasks.items():
        while holders.get(name).erase([task])[0].again_at:
            time.sleep(0.05)
    assert holders.get("bigquery").verify(tasks["bigquery"]).presence == Presence.ABSENT
    Subject.objects.filter(user_id=user_id).delete()


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns"])
def test_weekday_and_hour_are_the_shops_in_both(
    warehouse: BigQuerySink, stack: ThrowawayStack, settings: Settings, zone: str
) -> None:
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    before = early_enough(warehouse, standin)
    Shop(seed=6, now=before).open(batches=8, size=40)
    call_command("drain", all=True, stdout=io.StringIO())
    usual = view(warehouse, "temporal_patterns")
    settings.TIME_ZONE = zone
    call_command("setup_bigquery", stdout=io.StringIO())
    aggregates.rebuild(before)
    agree(warehouse, before)
    ours = {(row["weekday"], row["hour"]): row["searches"] for row in view(warehouse, "temporal_patterns")}
    assert ours != {(row["weekday"], row["hour"]): row["searches"] for row in usual}


def early_enough(sink: BigQuerySink, standin: Standin) -> datetime:
    """The time by BigQuery's clock, which other tests advance, and not just before a new day."""
    now = time_of(sink)
    if (now + MARGIN).date() != now.date():
        standin.advance(MARGIN.total_seconds())
    return time_of(sink)


def time_of(sink: BigQuerySink) -> datetime:
    now: datetime = next(iter(sink.client.query_and_wait("SELECT CURRENT_TIMESTAMP() AS now"))).now
    return now


def is_telling() -> bool:
    """Whether there is something of everything to compare."""
    stages = ("searches", "with_results", "clicked", "added", "purchased")
    sums = DailyFunnel.objects.aggregate(**{stage: Sum(stage) for stage in stages})
    named = [row for row in DailySupplier.objects.all() if row.top_queries]
    return all(sums.values()) and len(named) > 5 and Cohort.objects.count() > 1


def agree(warehouse: BigQuerySink, now: datetime) -> None:
    assert_same(by_weekday_and_hour(now), view(warehouse, "temporal_patterns"), "weekday", "hour")
    for name, keys, rows in COMPARED:
        assert_same(rows(), view(warehouse, name), *keys)
    theirs, now = asked(warehouse, "user_category_preferences")
    assert_same(preferred(now), theirs, "user_id", "category")


def test_a_view_that_was_changed_is_drift_and_is_renewed(warehouse: BigQuerySink, settings: Settings) -> None:
    assert warehouse.differences(settings.RAW_EVENT_RETENTION_DAYS) == []
    warehouse.client.delete_table(f"{warehouse.project}.{warehouse.dataset}.search_funnel")
    settings.SEARCH_ANALYTICS_K = K + 1
    settings.SIGNALS = settings.SIGNALS | {"view": {"weight": 0.2, "decay": 0.9, "days": 10}}
    found = warehouse.differences(settings.RAW_EVENT_RETENTION_DAYS)
    assert {each.table.rpartition(".")[2]: each.difference for each in found} == {
        "search_funnel": "does not exist",
        "supplier_performance": "has another query than the vocabulary's",
        "user_category_preferences": "has another query than the vocabulary's",
        "user_cohorts": "has another query than the vocabulary's",
    }
    call_command("setup_bigquery", stdout=(output := io.StringIO()))
    assert output.getvalue().count("renewed it") == 3
    call_command("check_schema", stdout=(output := io.StringIO()))
    assert "as the vocabulary has them" in output.getvalue()


def test_one_view_has_every_event_once(warehouse: BigQuerySink, stack: ThrowawayStack) -> None:
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    now = early_enough(warehouse, standin)
    Shop(seed=5, now=now).open(batches=6, size=40)
    call_command("drain", all=True, stdout=io.StringIO())
    deliver_some_twice(warehouse, standin)
    shown = view(warehouse, "events")
    lasting = aggregates.first_day(now)
    logged = {event.event_id: event for event in Event.objects.all() if event.received_at.date() >= lasting}
    assert len(shown) == len(logged) > 100
    assert {row["event_id"] for row in shown} == set(logged)
    for row in shown:
        event = logged[row["event_id"]]
        assert (row["event_type"], row["timestamp"]) == (event.event_type, event.received_at)
        assert row["user_id"] == (str(event.subject_id) if event.subject_id else None)
        details = json.loads(row["details"]) if isinstance(row["details"], str) else row["details"]
        for name in ("product_id", "action", "order_id", "surface", "interaction_type"):
            assert details.get(name) == event.payload.get(name)
        assert len(details.get("items") or []) == len(event.payload.get("items") or [])
    counted = warehouse.client.query_and_wait(
        f"SELECT COUNT(*) AS orders FROM `{warehouse.project}.{warehouse.dataset}.events` "
        "WHERE JSON_VALUE(details, '$.order_id') IS NOT NULL AND event_type = 'order'"
    )
    orders = sum(event.event_type == "order" for event in logged.values())
    assert next(iter(counted)).orders == orders > 0


def test_an_empty_shop_has_empty_views(warehouse: BigQuerySink) -> None:
    views = [
        table.table_id
        for table in warehouse.client.list_tables(warehouse.dataset)
        if table.table_type == "VIEW"
    ]
    assert len(views) == 14
    assert [name for name in views if not name.endswith("_once") and view(warehouse, name)] == []


def deliver_some_twice(sink: BigQuerySink, standin: Standin) -> None:
    """What a crash at the wrong moment could do: rows in the table for a second time."""
    standin.advance(120)
    for batch in OutboxBatch.objects.order_by("?")[:10]:
        sink.deliver(Batch("other-" + batch.label, "", log.read(batch)))
    query = (
        f"SELECT COUNT(*) - COUNT(DISTINCT event_id) AS more FROM `{sink.table('interaction')}` "
        "WHERE timestamp > TIMESTAMP '2000-01-01'"
    )
    assert next(iter(sink.client.query_and_wait(query))).more > 0


def popularity() -> Rows:
    found = DailyProduct.objects.values("product_id").annotate(
        seen=Sum("views"), clicked=Sum("clicks"), adds_to_cart=Sum("adds"), bought=Sum("purchases")
    )
    return [
        {
            "product_id": row["product_id"],
            "views": row["seen"],
            "clicks": row["clicked"],
            "adds_to_cart": row["adds_to_cart"],
            "purchases": row["bought"],
            "conversion_rate": row["bought"] / row["seen"] if row["seen"] else None,
        }
        for row in found
    ]


def daily_popularity() -> Rows:
    return [
        {
            "day": row.day,
            "product_id": row.product_id,
            "views": row.views,
            "clicks": row.clicks,
            "adds_to_cart": row.adds,
            "purchases": row.purchases,
            "conversion_rate": row.purchases / row.views if row.views else None,
        }
        for row in DailyProduct.objects.all()
    ]


def preferred(now: datetime) -> Rows:
    return [
        {"user_id": str(subject.id), **asdict(preference)}
        for subject in Subject.objects.all()
        for preference in preferences.by_category(subject.id, now)
    ]


def by_weekday_and_hour(now: datetime) -> Rows:
    return [asdict(pattern) for pattern in trends.temporal_patterns(aggregates.first_day(now))]


def suppliers() -> Rows:
    """With queries as BigQuery is told them, where nobody's word is a secret."""
    rows = stored(DailySupplier.objects.values("day", "supplier", "searches", "clicked", "top_queries"))
    for row in rows:
        for top in row["top_queries"]:
            top["query"] = normalise(top["query"])
        row["top_queries"].sort(key=lambda top: (-top["searches"], top["query"]))
    return rows


def stored(rows: QuerySet[Any, Any]) -> Rows:
    return [dict(row) for row in rows]


COMPARED: list[tuple[str, tuple[str, ...], Callable[[], Rows]]] = [
    ("product_popularity", ("product_id",), popularity),
    ("daily_popular_products", ("day", "product_id"), daily_popularity),
    (
        "daily_intents",
        ("day", "intent"),
        lambda: stored(DailyIntent.objects.values("day", "intent", "searches")),
    ),
    ("search_funnel", ("day",), lambda: stored(DailyFunnel.objects.values())),
    (
        "supplier_performance",
        ("day", "supplier"),
        suppliers,
    ),
    ("user_cohorts", ("cohort_id",), lambda: stored(Cohort.objects.values())),
]
