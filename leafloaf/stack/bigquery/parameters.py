"""Query parameters: typed values beside the SQL.

https://cloud.google.com/bigquery/docs/parameterized-queries
https://cloud.google.com/bigquery/docs/reference/rest/v2/QueryParameter
"""

import base64
from typing import Any

from sqlglot import exp

from leafloaf.stack.bigquery.schema import DUCKDB_TYPES, SYNONYMS, quoted
from leafloaf.stack.http import ApiError


class Parameters:
    """What a statement may refer to as `@name` or `?`, and what DuckDB is given for it."""

    def __init__(self, resources: list[dict[str, Any]]) -> None:
        self._named = {p["name"].lower(): p for p in resources if p.get("name")}
        self._positional = [p for p in resources if not p.get("name")]
        self.bound: dict[str, Any] = {}

    def bind(self, tree: exp.Expr) -> None:
        """Put a typed reference in place of every parameter."""
        for node in list(tree.find_all(exp.Parameter)):
            name = node.name.lower()
            if name not in self._named:
                raise _undeclared(f"Query parameter '{node.name}' not found")
            node.replace(self._reference(f"n_{name}", self._named[name]))
        holes = [node for node in tree.find_all(exp.Placeholder, bfs=False) if not node.this]
        if len(holes) > len(self._positional):
            raise _undeclared("Query has more positional parameters than were sent")
        for index, (hole, sent) in enumerate(zip(holes, self._positional, strict=False)):
            hole.replace(self._reference(f"p_{index}", sent))

    def _reference(self, name: str, sent: dict[str, Any]) -> exp.Expr:
        kind = sent["parameterType"]
        self.bound[name] = _value(kind, sent.get("parameterValue") or {})
        return exp.cast(exp.Placeholder(this=name), exp.DataType.build(_duckdb_type(kind), dialect="duckdb"))


def _undeclared(message: str) -> ApiError:
    return ApiError(400, "invalidQuery", message, location="query", locationType="parameter")


def _duckdb_type(kind: dict[str, Any]) -> str:
    name = SYNONYMS.get(kind["type"].upper(), kind["type"].upper())
    if name == "ARRAY":
        return _duckdb_type(kind["arrayType"]) + "[]"
    if name == "RECORD":
        members = [f"{quoted(m['name'])} {_duckdb_type(m['type'])}" for m in kind["structTypes"]]
        return f"STRUCT({', '.join(members)})"
    if name not in DUCKDB_TYPES:
        raise ApiError(501, "notImplemented", f"The stand-in has no parameters of type {name}")
    return DUCKDB_TYPES[name]


def _value(kind: dict[str, Any], sent: dict[str, Any]) -> Any:
    name = kind["type"].upper()
    if name == "ARRAY":
        return [_value(kind["arrayType"], item) for item in sent.get("arrayValues") or []]
    if name in ("STRUCT", "RECORD"):
        values = sent.get("structValues") or {}
        return {m["name"]: _value(m["type"], values.get(m["name"]) or {}) for m in kind["structTypes"]}
    value = sent.get("value")
    return base64.b64decode(value) if name == "BYTES" and value is not None else value
