"""The live tables against the vocabulary: every difference is named, said what to do about, and kept for staff."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from django.core.management import CommandError, call_command
from google.cloud.bigquery import SchemaField, Table, TimePartitioning
from pytest_django import Settings

from capture import events, health, openapi, reference, schema, schema_check
from capture.models import Notice, SchemaDrift
from capture.records import Record, json_line
from capture.sinks import bigquery_schema, bigquery_setup
from capture.sinks.base import Difference, Misconfigured, RowsRefused, Unavailable
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores
from tests.capture.test_bigquery_sink import carts
from tests.capture.test_sink_contract import batch, once, with_content
from tests.conftest import memory_configuration
from tests.standins import Standin

DAYS = 90
Change = Callable[[Table], None]


@pytest.fixture
def store(stack: ThrowawayStack) -> Iterator[stores.BigQueryStore]:
    opened = stores.opened("bigquery", stack)
    assert isinstance(opened, stores.BigQueryStore)
    yield opened
    opened.clean()


@pytest.fixture
def configured(db: None, store: stores.BigQueryStore, settings: Settings) -> stores.BigQueryStore:
    """The store behind the only sink of the settings."""
    sink = store.sink
    options = {"project": sink.project, "dataset": sink.dataset, "endpoint": sink.endpoint}
    backend = "capture.sinks.bigquery.BigQuerySink"
    settings.SINKS = {"bigquery": memory_configuration(BACKEND=backend, OPTIONS=options)}
    return store


def rebuilt(store: stores.BigQueryStore, event_type: str, change: Change) -> None:
    """Puts another table in the place of an event type's."""
    name = store.sink.table(event_type)
    table = bigquery_schema.table(name, event_type, DAYS)
    change(table)
    store.client.delete_table(name)
    store.client.create_table(table)


def columns(**changes: SchemaField | None) -> Change:
    """Changes, adds or (None) leaves out columns."""

    def change(table: Table) -> None:
        kept = [changes.get(field.name, field) for field in table.schema]
        known = {field.name for field in table.schema}
        table.schema = [field for field in kept if field] + [
            field for name, field in changes.items() if field and name not in known
        ]

    return change


def items(**changes: SchemaField | None) -> Change:
    """The same for the fields of an order's lines."""

    def change(table: Table) -> None:
        whole = next(field for field in table.schema if field.name == "items")
        inner = Table(table.reference, schema=list(whole.fields))
        columns(**changes)(inner)
        columns(items=SchemaField("items", "RECORD", "REPEATED", fields=inner.schema))(table)

    return change


def layout(**changes: Any) -> Change:
    def change(table: Table) -> None:
        for name, value in changes.items():
            setattr(table, name, value)

    return change


def expiring(days: int) -> TimePartitioning:
    return TimePartitioning(field="timestamp", expiration_ms=days * 24 * 3600 * 1000)


def said(store: stores.BigQueryStore) -> list[str]:
    return [str(found).removeprefix(f"{store.sink.project}.") for found in store.sink.differences(DAYS)]


DIFFERENCES: dict[str, tuple[Change, str, str]] = {
    "a missing column": (columns(currency=None), ".currency is missing and should be STRING NULLABLE", "run"),
    "a missing required column": (
        columns(order_id=None),
        ".order_id is missing and should be STRING REQUIRED",
        "it cannot be changed in place",
    ),
    "an extra column": (
        columns(loyalty=SchemaField("loyalty", "STRING")),
        ".loyalty is STRING NULLABLE and unknown to the vocabulary",
        "drop it, or add it",
    ),
    "an extra required column": (
        columns(loyalty=SchemaField("loyalty", "STRING", "REQUIRED")),
        ".loyalty is STRING REQUIRED and unknown to the vocabulary",
        "drop it or make it NULLABLE",
    ),
    "another type": (
        columns(total_value=SchemaField("total_value", "FLOAT")),
        ".total_value is FLOAT NULLABLE and should be NUMERIC NULLABLE",
        "it cannot be changed in place",
    ),
    "a column that may not be empty": (
        columns(total_value=SchemaField("total_value", "NUMERIC", "REQUIRED")),
        ".total_value is NUMERIC REQUIRED and should be NUMERIC NULLABLE",
        "run `manage.py setup_bigquery`",
    ),
    "a column that may be empty": (
        columns(order_id=SchemaField("order_id", "STRING")),
        ".order_id is STRING NULLABLE and should be STRING REQUIRED",
        "it cannot be changed in place",
    ),
    "a missing nested column": (
        items(category=None),
        ".items.category is missing and should be STRING NULLABLE",
        "run `manage.py setup_bigquery`",
    ),
    "another nested type": (
        items(quantity=SchemaField("quantity", "INTEGER", "REQUIRED")),
        ".items.quantity is INTEGER REQUIRED and should be NUMERIC REQUIRED",
        "it cannot be changed in place",
    ),
    "no partitions": (
        layout(time_partitioning=None, require_partition_filter=None),
        " is partitioned by nothing and should be by DAY of timestamp",
        "it cannot be changed in place",
    ),
    "another partitioning column": (
        layout(time_partitioning=TimePartitioning(field="occurred_at")),
        " is partitioned by DAY of occurred_at and should be by DAY of timestamp",
        "it cannot be changed in place",
    ),
    "another expiration": (
        layout(time_partitioning=expiring(30)),
        " keeps its partitions for 30 days and should for 90",
        "run `manage.py setup_bigquery`",
    ),
    "no expiration": (
        layout(time_partitioning=TimePartitioning(field="timestamp")),
        " keeps its partitions for all days and should for 90",
        "run `manage.py setup_bigquery`",
    ),
    "no partition filter": (
        layout(require_partition_filter=False),
        " does not require a partition filter",
        "run `manage.py setup_bigquery`",
    ),
    "another clustering": (
        layout(clustering_fields=["session_id", "user_id"]),
        " is clustered by session_id, user_id and should be by user_id",
        "change it with `bq update --clustering_fields`",
    ),
}
MENDED = {name for name, (_, _, remedy) in DIFFERENCES.items() if remedy.startswith("run")}
LEFT_ALONE = {"an extra column"}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_is_named_with_what_to_do_and_mended_if_that_only_adds(
    store: stores.BigQueryStore, name: str
) -> None:
    change, difference, remedy = DIFFERENCES[name]
    rebuilt(store, "order", change)
    (line,) = said(store)
    assert line.startswith(f"{store.sink.dataset}.order_transaction_events{difference}; {remedy}")
    if name in MENDED:
        bigquery_setup.set_up(store.sink, DAYS)
        assert said(store) == []
    elif name in LEFT_ALONE:
        bigquery_setup.set_up(store.sink, DAYS)
        assert said(store) == [line]
    else:
        with pytest.raises(bigquery_setup.SchemaConflict) as refused:
            bigquery_setup.set_up(store.sink, DAYS)
        assert line in str(refused.value)


def test_a_missing_table_and_a_missing_or_other_view_are_named_and_made(store: stores.BigQueryStore) -> None:
    cart, once_view = store.sink.table("cart"), f"{store.sink.table('order')}_once"
    store.client.delete_table(cart)
    store.client.delete_table(f"{cart}_once")
    view = store.client.get_table(once_view)
    view.view_query = f"SELECT event_id, timestamp FROM `{store.sink.table('order')}`"
    store.client.update_table(view, ["view_query"])
    dataset = store.sink.dataset
    assert said(store) == [
        f"{dataset}.cart_modification_events does not exist; run `manage.py setup_bigquery`",
        f"{dataset}.cart_modification_events_once does not exist; run `manage.py setup_bigquery`",
        f"{dataset}.order_transaction_events_once has another query than the vocabulary's; "
        "run `manage.py setup_bigquery`",
    ]
    bigquery_setup.set_up(store.sink, DAYS)
    assert said(store) == []


def test_names_that_differ_in_case_only_and_synonyms_of_types_are_the_same() -> None:
    wanted = [SchemaField("quantity", "FLOAT"), SchemaField("is_new", "BOOLEAN")]
    live = [SchemaField("Quantity", "FLOAT64"), SchemaField("is_new", "BOOL")]
    assert bigquery_schema.of_columns("t", wanted, live) == []


# The command, the task and what they leave behind


def check() -> str:
    output = io.StringIO()
    call_command("check_schema", stdout=output)
    return output.getvalue()


def complaints() -> list[str]:
    output = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("check_schema", stdout=output)
    assert raised.value.returncode == 1
    return [*output.getvalue().splitlines(), str(raised.value)]


def test_the_command_is_content_with_what_set_up_made(configured: stores.BigQueryStore) -> None:
    assert check() == "The live tables are as the vocabulary has them.\n"
    assert not SchemaDrift.objects.exists()


def test_the_command_says_each_difference_and_staff_are_told_until_it_is_mended(
    configured: stores.BigQueryStore,
) -> None:
    rebuilt(configured, "order", columns(currency=None))
    rebuilt(configured, "cart", columns(loyalty=SchemaField("loyalty", "STRING")))
    lines = complaints()
    assert "loyalty is STRING NULLABLE and unknown" in lines[0]
    assert "currency is missing" in lines[1]
    assert lines[2] == "2 differences from the vocabulary."
    assert "bigquery differs from the vocabulary in 2 places" in Notice.objects.get().sentence
    assert health.reading("bigquery", datetime.now(UTC)).health == "degraded"
    bigquery_setup.set_up(configured.sink, DAYS)
    complaints()
    assert SchemaDrift.objects.get().column == "loyalty"


def test_a_difference_keeps_the_moment_it_was_found(db: None) -> None:
    old = Difference("t", "a", "is missing", "run it")
    schema_check.store("bigquery", [old])
    found_at = SchemaDrift.objects.get().found_at
    schema_check.store("bigquery", [old, Difference("t", "b", "is missing", "run it")])
    assert SchemaDrift.objects.get(column="a").found_at == found_at
    schema_check.store("bigquery", [])
    assert not SchemaDrift.objects.exists()


def test_a_store_that_does_not_answer_leaves_what_was_found(
    configured: stores.BigQueryStore, stack: ThrowawayStack
) -> None:
    schema_check.store("bigquery", [Difference("t", "a", "is missing", "run it")])
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    standin.fail(match={"method": "GET"}, status=503)
    with pytest.raises(schema_check.Unanswered):
        schema_check.run()
    standin.mend()
    assert SchemaDrift.objects.count() == 1


# What delivery does about it


@pytest.mark.parametrize("change", [columns(price=None), columns(price=SchemaField("price", "BOOLEAN"))])
def test_good_rows_are_not_given_up_for_a_table_that_cannot_take_them(
    store: stores.BigQueryStore, change: Change
) -> None:
    rebuilt(store, "cart", change)
    sent = batch(carts(200))
    with pytest.raises(Misconfigured, match=r"cart_modification_events\.price is"):
        store.sink.deliver(sent)
    rebuilt(store, "cart", columns())
    store.sink.deliver(replace(sent, is_repeated=True))
    assert store.held(sent) == once(sent)


def test_a_poison_row_is_still_a_dead_letter_when_the_table_is_right(store: stores.BigQueryStore) -> None:
    rows = carts(3)
    rows[1] = with_content(rows[1], rows[1].payload | {"quantity": "many"})
    rebuilt(store, "cart", columns(loyalty=SchemaField("loyalty", "STRING")))
    with pytest.raises(RowsRefused) as raised:
        store.sink.deliver(batch(rows))
    assert set(raised.value.refusals) == {rows[1].event_id}


def test_nothing_is_given_up_while_the_table_cannot_be_looked_at(
    store: stores.BigQueryStore, stack: ThrowawayStack
) -> None:
    rows = carts(1)
    rows[0] = with_content(rows[0], rows[0].payload | {"quantity": "many"})
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    standin.fail(match={"method": "GET"}, status=503)
    with pytest.raises(Unavailable):
        store.sink.deliver(batch(rows))
    standin.mend()


def test_a_column_that_bigquery_does_not_know_yet_is_waited_for(
    store: stores.BigQueryStore, stack: ThrowawayStack
) -> None:
    error = {"reason": "invalid", "location": "price", "message": "no such field: price."}
    body = json.dumps({"insertErrors": [{"index": 0, "errors": [error]}]})
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    insert = {"method": "POST", "path": "/insertAll"}
    standin.fail(match=insert, status=200, body=body, content_type="application/json")
    with pytest.raises(Unavailable, match="new column price"):
        store.sink.deliver(batch(carts(1)))
    standin.mend()


# One vocabulary


class WiderCart(events.Cart, tag="cart"):
    """A change of the cart."""

    gift_note: Annotated[events.Text | None, events.described("What to write on the card")] = None


@pytest.fixture
def wider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The vocabulary with one more field."""
    union = events.Search | events.Interaction | WiderCart | events.Order | events.RecommendationImpression
    monkeypatch.setitem(events.TYPES, "cart", WiderCart)
    monkeypatch.setattr(events, "AnyEvent", union)
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    schema.columns.cache_clear()
    schema.own_columns.cache_clear()


def test_a_field_added_to_the_vocabulary_is_everywhere(wider: None) -> None:
    (column,) = [column for column in schema.columns("cart") if column.name == "gift_note"]
    assert (column.type, column.mode, column.description) == (
        "STRING",
        "NULLABLE",
        "What to write on the card",
    )
    assert json.loads(json_line(gift().document("b-1")))["gift_note"] == "Bon appétit"
    assert "| `gift_note` | STRING | nullable | What to write on the card |" in reference.events_page()
    document: dict[str, Any] = {"components": {"schemas": {}}, "paths": {"/api/v1/events": {"post": {}}}}
    described = openapi.add_event_vocabulary(document)["components"]["schemas"]["WiderCart"]
    assert described["properties"]["gift_note"]["description"] == "What to write on the card"


def test_a_new_field_waits_for_set_up_and_then_arrives(
    store: stores.BigQueryStore, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("wider")
    sent = batch([gift()])
    with pytest.raises(Misconfigured, match="gift_note is missing"):
        store.sink.deliver(sent)
    name = store.sink.table("cart")
    lines = bigquery_setup.set_up(store.sink, DAYS)
    assert f"{name}: added gift_note" in lines
    assert f"{name}_once: renewed it" in lines
    store.sink.deliver(replace(sent, is_repeated=True))
    query = f"SELECT gift_note FROM `{name}_once` WHERE timestamp > TIMESTAMP '2000-01-01'"
    assert [row.gift_note for row in store.client.query_and_wait(query)] == ["Bon appétit"]


def gift() -> Record:
    (cart,) = carts(1)
    payload = cart.payload | {"gift_note": "Bon appétit", "quantity": Decimal(1)}
    return with_content(cart, payload)
