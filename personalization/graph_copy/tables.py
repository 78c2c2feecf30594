"""The graph as tables of Spanner and as the property graph over them.

Every row of a person lies in their row of `Person`, by the pseudonym that its key begins with: all that there is of
somebody goes with that one row, and nothing else does. Products, brands and shelves are the catalogue's and nobody's.
"""

from collections.abc import Sequence

from capture.sinks.spanner_tables import Column, Table
from personalization.signals.marks import Signal

GRAPH = "GraphMemory"
SUBJECT = Column("subject_id", "STRING(36)", is_required=True)
PRODUCT = Column("product_id", "STRING(64)", is_required=True)
FORGET = Column("forget_at", "TIMESTAMP", is_required=True)
NAME = "STRING(MAX)"
FORGOTTEN = "forget_at", 0

PERSON = Table(
    "Person",
    (
        SUBJECT,
        Column("version", "INT64", is_required=True),
        Column("written_at", "TIMESTAMP", is_required=True, is_commit_time=True),
        FORGET,
        Column("drawn_version", "INT64"),
        Column("drawn_at", "TIMESTAMP"),
        Column("price_sensitivity", "STRING(16)"),
        Column("dietary", "ARRAY<STRING(64)>"),
        Column("household_size", "INT64"),
        Column("has_children", "BOOL"),
        Column("has_pets", "BOOL"),
    ),
    forgotten=FORGOTTEN,
)

SIGNALS = {
    Signal.VIEW: "Viewed",
    Signal.CLICK: "Clicked",
    Signal.CART: "Added",
    Signal.PURCHASE: "Bought",
    Signal.REMOVED: "Removed",
    Signal.DISLIKED: "Disliked",
}


def _of_person(name: str, *columns: Column, key: int = 2, is_forgotten: bool = False) -> Table:
    return Table(name, (SUBJECT, *columns), key, PERSON.name, FORGOTTEN if is_forgotten else None)


SIGNALLED = tuple(
    _of_person(
        name,
        PRODUCT,
        Column("times", "INT64", is_required=True),
        Column("quantity", "FLOAT64", is_required=True),
        Column("first_at", "TIMESTAMP", is_required=True),
        Column("last_at", "TIMESTAMP", is_required=True),
        Column("strength", "FLOAT64", is_required=True),
        FORGET,
        is_forgotten=True,
    )
    for name in SIGNALS.values()
)
FREQUENTLY_BUYS = _of_person(
    "FrequentlyBuys",
    PRODUCT,
    Column("frequency", "STRING(32)", is_required=True),
    Column("cycle_days", "FLOAT64", is_required=True),
    Column("quantity", "FLOAT64", is_required=True),
    Column("last_purchase", "DATE", is_required=True),
    FORGET,
    is_forgotten=True,
)
SCORE = Column("score", "FLOAT64", is_required=True)
PREFERS = {
    "product": _of_person("PrefersProduct", PRODUCT, SCORE),
    "brand": _of_person("PrefersBrand", Column("brand", NAME, is_required=True), SCORE),
    "category": _of_person("PrefersCategory", Column("category", NAME, is_required=True), SCORE),
}
BOUGHT_WITH = _of_person(
    "BoughtWith",
    PRODUCT,
    Column("other_id", "STRING(64)", is_required=True),
    Column("orders", "INT64", is_required=True),
    Column("share", "FLOAT64", is_required=True),
    key=3,
)
REORDER_CYCLE = _of_person(
    "ReorderCycle",
    PRODUCT,
    Column("cycle_days", "FLOAT64", is_required=True),
    Column("confidence", "FLOAT64", is_required=True),
    Column("next_expected", "DATE", is_required=True),
)
OF_PRODUCTS = (*SIGNALLED, FREQUENTLY_BUYS)
"""What one person and one product say by themselves: written with each event."""
DRAWN = (*PREFERS.values(), BOUGHT_WITH, REORDER_CYCLE)
"""What all of a person's products say together, or the day: drawn when the shop sleeps."""
OF_PEOPLE = (PERSON, *OF_PRODUCTS, *DRAWN)

CATALOGUE = (
    Table("Product", (PRODUCT, Column("name", NAME), Column("brand", NAME), Column("category", NAME))),
    Table("Brand", (Column("brand", NAME, is_required=True),)),
    Table("Category", (Column("category", NAME, is_required=True), Column("parent", NAME))),
)


def property_graph() -> str:
    """The statement that draws the graph over the tables, as Google documents it; safe to repeat."""
    shown = [column.name for column in PERSON.columns if column not in (FORGET,)]
    nodes = [
        f"Person LABEL Person PROPERTIES ({', '.join(shown)})",
        *(f"{table.name} LABEL {table.name} PROPERTIES ALL COLUMNS" for table in CATALOGUE),
    ]
    edges = [
        *(_edge(table, table.name, "Product", "product_id") for table in OF_PRODUCTS),
        _edge(REORDER_CYCLE, "ReorderCycle", "Product", "product_id"),
        _edge(PREFERS["product"], "Prefers", "Product", "product_id"),
        _edge(PREFERS["brand"], "Prefers", "Brand", "brand"),
        _edge(PREFERS["category"], "Prefers", "Category", "category"),
        _between("BoughtWith", "Product", "product_id", "Product", "other_id")
        + "\n    LABEL BoughtWith PROPERTIES (subject_id, orders, share)",
        _plain_edge("Product", "product_id", "OfBrand", "Brand", "brand"),
        _plain_edge("Product", "product_id", "InCategory", "Category", "category"),
        _plain_edge("Category", "category", "Within", "Category", "parent"),
    ]
    return (
        f"CREATE OR REPLACE PROPERTY GRAPH {GRAPH}\n"
        f"NODE TABLES (\n  {_listed(nodes)}\n)\nEDGE TABLES (\n  {_listed(edges)}\n)"
    )


def _edge(table: Table, label: str, target: str, key: str) -> str:
    """From the person to what the second part of the key names; what tells of the row itself is no property."""
    told = [name for name in table.names[table.key :] if name != FORGET.name]
    between = _between(table.name, "Person", "subject_id", target, key)
    return f"{between}\n    LABEL {label} PROPERTIES ({', '.join(told)})"


def _plain_edge(table: str, key: str, label: str, target: str, target_key: str) -> str:
    """What a row of the catalogue says of another one."""
    between = _between(f"{table} AS {label}", table, key, target, target_key)
    return f"{between}\n    LABEL {label} NO PROPERTIES"


def _between(table: str, source: str, source_key: str, target: str, target_key: str) -> str:
    keys = {"Person": "subject_id", "Product": "product_id", "Brand": "brand", "Category": "category"}
    return (
        f"{table}\n    SOURCE KEY ({source_key}) REFERENCES {source} ({keys[source]})"
        f"\n    DESTINATION KEY ({target_key}) REFERENCES {target} ({keys[target]})"
    )


def _listed(elements: Sequence[str]) -> str:
    return ",\n  ".join(elements)
