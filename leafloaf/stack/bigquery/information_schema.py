"""`dataset.INFORMATION_SCHEMA.COLUMNS` and `.TABLES`.

https://cloud.google.com/bigquery/docs/information-schema-columns
https://cloud.google.com/bigquery/docs/information-schema-tables
"""

from typing import Any

from sqlglot import exp

from leafloaf.stack.bigquery.catalogue import Catalogue
from leafloaf.stack.bigquery.schema import Field
from leafloaf.stack.bigquery.store import Table
from leafloaf.stack.http import ApiError

STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
Row = dict[str, Any]


def query(catalogue: Catalogue, node: exp.Table, project: str) -> exp.Expr:
    """The rows as a query over values."""
    view = node.name.upper().partition("INFORMATION_SCHEMA.")[2]
    tables = catalogue.tables_in(node.catalog or project, node.db)
    if view == "COLUMNS":
        rows = [row for table in tables for row in _columns(table)]
        texts = ["column_name", "data_type", "is_nullable", "is_partitioning_column"]
        empty: Row = dict.fromkeys([*_names(), *texts], "")
        return _values(rows, {**empty, "ordinal_position": 0, "clustering_ordinal_position": 0})
    if view == "TABLES":
        return _values([_table(t) for t in tables], dict.fromkeys([*_names(), "table_type"], ""))
    raise ApiError(501, "notImplemented", f"The stand-in has no INFORMATION_SCHEMA.{view}")


def _names() -> list[str]:
    return ["table_catalog", "table_schema", "table_name"]


def _table(table: Table) -> Row:
    kind = "VIEW" if table.view_query is not None else "BASE TABLE"
    return {**dict(zip(_names(), table.key, strict=True)), "table_type": kind}


def _columns(table: Table) -> list[Row]:
    clustering = (table.resource.get("clustering") or {}).get("fields") or []
    places = {name: place for place, name in enumerate(clustering, 1)}
    return [
        {
            **dict(zip(_names(), table.key, strict=True)),
            "column_name": field.name,
            "data_type": data_type(field),
            "is_nullable": "NO" if field.is_required else "YES",
            "is_partitioning_column": "YES" if field.name == table.partition_field else "NO",
            "ordinal_position": position,
            "clustering_ordinal_position": places.get(field.name),
        }
        for position, field in enumerate(table.fields, 1)
    ]


def data_type(field: Field) -> str:
    """The type as GoogleSQL writes it."""
    name = STANDARD.get(field.type, field.type)
    if field.fields:
        name = "STRUCT<" + ", ".join(f"{f.name} {data_type(f)}" for f in field.fields) + ">"
    return f"ARRAY<{name}>" if field.is_repeated else name


def _values(rows: list[Row], empty: Row) -> exp.Expr:
    kinds = {name: "BIGINT" if isinstance(value, int) else "VARCHAR" for name, value in empty.items()}
    selects = [_one(row, kinds) for row in rows or [empty]]
    union: exp.Query = selects[0]
    for select in selects[1:]:
        union = exp.union(union, select, distinct=False)
    return union if rows else exp.select("*").from_(union.subquery("none")).where(exp.false())


def _one(row: Row, kinds: dict[str, str]) -> exp.Select:
    return exp.select(*(exp.alias_(exp.cast(exp.convert(row[n]), kind), n) for n, kind in kinds.items()))
