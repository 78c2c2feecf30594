"""DDL, differences, pieces and values: all that needs no server."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import uuid4

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.records import Record
from capture.sinks import spanner_tables
from capture.sinks.spanner_tables import ACCOUNT, Change, Column, Live, Part, Table
from personalization.graph_copy import rows, tables
from personalization.graph_copy.source import memory
from personalization.signals import marks
from personalization.signals.decay import Decay
from personalization.signals.marks import Signal

EVERY = spanner_tables.wanted(memory)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DECAY = Decay.of(
    {
        "purchase": {"weight": 1, "decay": 0.85, "days": 180},
        "view": {"weight": 0.1, "decay": 0.98, "days": 30},
    }
)


def test_the_ddl_of_a_table() -> None:
    [bought] = [table for table in EVERY if table.name == "Bought"]
    assert bought.ddl == (
        "CREATE TABLE Bought (\n  subject_id STRING(36) NOT NULL,\n  product_id STRING(64) NOT NULL,\n"
        "  times INT64 NOT NULL,\n  quantity FLOAT64 NOT NULL,\n  first_at TIMESTAMP NOT NULL,\n"
        "  last_at TIMESTAMP NOT NULL,\n  strength FLOAT64 NOT NULL,\n  forget_at TIMESTAMP NOT NULL,\n"
        ") PRIMARY KEY (subject_id, product_id),\n  INTERLEAVE IN PARENT Person ON DELETE CASCADE,\n"
        "  ROW DELETION POLICY (OLDER_THAN(forget_at, INTERVAL 0 DAY))"
    )
    assert "committed_at TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true)" in ACCOUNT.ddl


def test_every_row_of_a_person_lies_in_theirs_and_the_rest_is_nobody_s() -> None:
    person, *others = tables.OF_PEOPLE
    assert person.names[0] == "subject_id"
    assert all(table.parent == "Person" and table.names[0] == "subject_id" for table in others)
    assert not [
        name for table in (*tables.CATALOGUE, ACCOUNT) for name in table.names if name == "subject_id"
    ]


def test_what_an_event_tells_and_what_forgets_with_time_says_when() -> None:
    for table in (tables.PERSON, *tables.OF_PRODUCTS):
        assert table.policy == "OLDER_THAN(forget_at, INTERVAL 0 DAY)"
        assert "forget_at" in table.names
    assert len(tables.SIGNALS) == len(Signal)


def test_no_table_has_an_index_that_would_make_a_deletion_dear() -> None:
    assert not [table for table in EVERY if re.search("INDEX|FOREIGN", table.ddl)]


def test_the_property_graph_leads_along_keys_that_are_there() -> None:
    """Every edge's columns are its table's, of the same type as the key of the node that they name."""
    by_name = {table.name: table for table in EVERY}
    statement = tables.property_graph()
    assert statement.startswith("CREATE OR REPLACE PROPERTY GRAPH GraphMemory\nNODE TABLES (\n")
    edges = re.findall(
        r"  (\w+)(?: AS (\w+))?\n    SOURCE KEY \((\w+)\) REFERENCES (\w+) \((\w+)\)\n"
        r"    DESTINATION KEY \((\w+)\) REFERENCES (\w+) \((\w+)\)",
        statement,
    )
    assert len(edges) == 15
    for name, _, source, of, source_key, target, to, target_key in edges:
        columns = {column.name: column.type for column in by_name[name].columns}
        for column, node, key in ((source, of, source_key), (target, to, target_key)):
            assert by_name[node].names[: by_name[node].key] == [key]
            assert columns[column] == by_name[node].columns[0].type
    names = [alias or name for name, alias, *_ in edges]
    assert len(set(names)) == len(names)


def test_a_label_has_the_same_properties_and_a_property_the_same_type_everywhere() -> None:
    statement = tables.property_graph()
    types: dict[str, set[str]] = {}
    labels: dict[str, set[str]] = {}
    for label, told in re.findall(r"LABEL (\w+) PROPERTIES \((.*?)\)", statement):
        labels.setdefault(label, set()).add(told)
    assert all(len(told) == 1 for told in labels.values())
    for table in EVERY:
        for column in table.columns:
            if not column.name.endswith("_at"):
                types.setdefault(column.name, set()).add(column.type)
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


def live(table: Table) -> Live:
    columns = {column.name: (column.type, column.is_required) for column in table.columns}
    return Live(columns, table.parent, table.policy)


def test_what_is_as_it_should_be_differs_nowhere() -> None:
    assert spanner_tables.differences(EVERY, {table.name: live(table) for table in EVERY}) == []


def test_each_difference_is_named_with_what_to_do_about_it() -> None:
    found = {table.name: live(table) for table in EVERY}
    del found["Viewed"]
    columns = dict(found["Bought"].columns) | {"strength": ("STRING(MAX)", True), "extra": ("INT64", True)}
    found["Bought"] = Live(columns, "Person", "")
    del columns["quantity"]
    product = dict(found["Product"].columns)
    del product["brand"]
    found["Product"] = Live(product)
    said = [str(one) for one in spanner_tables.differences(EVERY, found)]
    assert said == [
        "Viewed does not exist; run `manage.py setup_spanner`",
        "Bought.quantity does not exist; change it by hand: setup_spanner only adds",
        "Bought.strength is STRING(MAX), not FLOAT64; change it by hand: setup_spanner only adds",
        "Bought.extra is NOT NULL and nobody fills it; change it by hand: setup_spanner only adds",
        "Bought forgets nothing by itself; run `manage.py setup_spanner`",
        "Product.brand does not exist; run `manage.py setup_spanner`",
    ]
    [bought, product_table] = [table for table in EVERY if table.name in ("Bought", "Product")]
    assert spanner_tables.mending(bought, found["Bought"]) == [
        "ALTER TABLE Bought ADD ROW DELETION POLICY (OLDER_THAN(forget_at, INTERVAL 0 DAY))"
    ]
    assert spanner_tables.mending(product_table, found["Product"]) == [
        "ALTER TABLE Product ADD COLUMN brand STRING(MAX)"
    ]


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 5), st.integers(1, 20))
def test_people_are_cut_into_pieces_that_lose_nobody(sizes: list[int], people: int, products: int) -> None:
    parts = [Part(f"p{place}", frozenset(f"s{n}" for n in range(size))) for place, size in enumerate(sizes)]
    pieces = list(spanner_tables.parted(parts, people, products))
    pairs = [(part.subject_id, sku) for piece in pieces for part in piece for sku in part.products or ()]
    assert sorted(pairs) == sorted((part.subject_id, sku) for part in parts for sku in part.products or ())
    assert all(1 <= len(piece) <= people for piece in pieces)
    assert all(sum(len(part.products or ()) for part in piece) <= products for piece in pieces)


def test_mutations_are_counted_as_spanner_counts_them() -> None:
    change = Change("p", ["A", "B"], {"C": [("p", "x"), ("p", "y")]}, {"D": [("p", 1, 2), ("p", 3, 4)]})
    assert change.mutations == 2 + 2 + 6
    assert Change("p", is_erased=True).mutations == 1


@pytest.mark.parametrize(
    ("column", "value", "sent"),
    [
        (Column("a", "INT64"), 2**53 + 1, "9007199254740993"),
        (Column("a", "FLOAT64"), 0.1, 0.1),
        (Column("a", "BOOL"), True, True),
        (Column("a", "STRING(MAX)"), "lait 🥛", "lait 🥛"),
        (Column("a", "DATE"), date(2026, 11, 21), "2026-11-21"),
        (Column("a", "TIMESTAMP"), NOW, "2026-11-21T12:00:00.000000Z"),
        (Column("a", "ARRAY<STRING(64)>"), ["vegan", "kosher"], ["vegan", "kosher"]),
        (Column("a", "INT64"), None, None),
    ],
)
def test_a_value_comes_back_as_it_was_sent(column: Column, value: spanner_tables.Value, sent: object) -> None:
    assert spanner_tables.encoded(value) == sent
    assert spanner_tables.decoded(column, sent) == value


def test_a_moment_of_another_zone_is_sent_as_utc() -> None:
    moment = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert spanner_tables.encoded(moment) == "2026-11-21T12:00:00.000000Z"


events = st.lists(
    st.tuples(st.sampled_from(list(Signal)), st.integers(0, 200 * 86_400), st.integers(1, 9)),
    min_size=1,
    max_size=30,
)


@given(events, st.randoms(use_true_random=False))
def test_rows_do_not_depend_on_the_order_of_events(
    given_events: list[tuple[Signal, int, int]], chance: object
) -> None:
    def packed(some: list[tuple[Signal, int, int]]) -> bytes:
        numbers = [marks.number(s, NOW + timedelta(seconds=at), Decimal(n)) for s, at, n in some]
        return np.array(numbers, ">i8").tobytes()

    other = list(given_events)
    chance.shuffle(other)  # type: ignore[attr-defined]
    first = list(rows.signals("p", "milk", packed(given_events), DECAY))
    assert first == list(rows.signals("p", "milk", packed(other), DECAY))
    assert sum(int(str(row[2])) for _, row in first) == len(given_events)


def record(event_type: str, user: str | None, **payload: object) -> Record:
    content = msgspec.json.encode(payload).decode()
    return Record(str(uuid4()), event_type, NOW, NOW, user, "s1", content, 1)


def test_an_event_says_whose_products_changed_and_nothing_else() -> None:
    found = memory.parts(
        [
            record("interaction", "p1", product_id="milk"),
            record("cart", "p1", product_id="tea"),
            record("order", "p2", items=[{"product_id": "milk"}, {"product_id": "jam"}]),
            record("order", "p3", items=[]),
            record("interaction", None, product_id="milk"),
            record("search", "p4", query="milk"),
            record("recommendation_impression", "p4", product_ids=["milk"]),
        ]
    )
    assert found == [Part("p1", frozenset({"milk", "tea"})), Part("p2", frozenset({"milk", "jam"}))]


def test_what_is_gone_is_every_table_that_has_no_row_any_more() -> None:
    gone = rows.absent("p", {"milk", "tea"}, {"Bought": [("p", "milk", 1)]})
    assert gone["Bought"] == [("p", "tea")]
    assert gone["Viewed"] == [("p", "milk"), ("p", "tea")]
    assert gone.keys() == {table.name for table in tables.OF_PRODUCTS}


def test_a_signal_that_says_nothing_is_kept_as_long_as_any() -> None:
    assert rows.forget_at(NOW, Signal.VIEW, DECAY) == NOW + timedelta(days=30)
    assert rows.forget_at(NOW, Signal.CART, DECAY) == NOW + timedelta(days=180)
