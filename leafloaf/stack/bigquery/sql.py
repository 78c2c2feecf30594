"""GoogleSQL to DuckDB's: names are resolved, views put in place, hidden columns and expired rows left out."""

import dataclasses
import datetime as dt
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, TokenError, UnsupportedError

from leafloaf.stack.bigquery import functions, information_schema, partitions
from leafloaf.stack.bigquery.catalogue import Catalogue
from leafloaf.stack.bigquery.parameters import Parameters
from leafloaf.stack.bigquery.store import HIDDEN, STREAMED_AT, Table, schema_name
from leafloaf.stack.http import ApiError

MUTATIONS = (exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)


def invalid_query(message: str) -> ApiError:
    return ApiError(400, "invalidQuery", message, location="query", locationType="parameter")


def parse(text: str) -> exp.Expr:
    """One statement; a script of several is refused."""
    try:
        trees = [tree for tree in sqlglot.parse(text, read="bigquery") if tree is not None]
    except (ParseError, TokenError) as error:
        raise invalid_query(f"Syntax error: {_first_line(error)}") from error
    if len(trees) != 1:
        raise ApiError(501, "notImplemented", "The stand-in runs one statement at a time")
    return trees[0]


def _first_line(error: ParseError | TokenError) -> str:
    details = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    return f"{details.get('description', error)} at [{details.get('line')}:{details.get('col')}]"


@dataclasses.dataclass
class Translation:
    """A statement for DuckDB, and the table it changes."""

    text: str
    bound: dict[str, Any]
    target: Table | None
    tables: list[Table]


@dataclasses.dataclass
class Translator:
    catalogue: Catalogue
    project: str
    default_dataset: tuple[str, str] | None
    now: dt.datetime
    defines_view: bool = False  # a view may leave the partition filter to those who query it

    def translate(self, tree: exp.Expr, parameters: Parameters) -> Translation:
        target = _target(tree)
        self._resolve(tree, depth=0)
        if not self.defines_view:
            partitions.check(tree)
        found: Table | None = target.meta[partitions.TABLE] if target else None
        tables = self._replace_tables(tree, target)
        parameters.bind(tree)
        if isinstance(tree, exp.Query):
            _name_columns(tree)
        else:
            _prepare_change(tree, found)
        return Translation(_generate(functions.adapt(tree, self.now)), parameters.bound, found, tables)

    def lookup(self, node: exp.Table) -> Table:
        """The table or view that a name stands for."""
        if not node.db and self.default_dataset is None:
            raise invalid_query(f'Table "{node.name}" must be qualified with a dataset (e.g. dataset.table).')
        project, dataset = node.catalog or self.project, node.db
        if not dataset and self.default_dataset:
            project, dataset = self.default_dataset
        if (project, dataset) not in self.catalogue.datasets:
            raise ApiError(404, "notFound", f"Not found: Dataset {project}:{dataset} was not found")
        table = self.catalogue.tables.get((project, dataset, node.name))
        if table is None:
            raise ApiError(404, "notFound", f"Not found: Table {project}:{dataset}.{node.name} was not found")
        return table

    def _resolve(self, tree: exp.Expr, depth: int) -> None:
        """Mark every table; put a view's own query where its name stands."""
        if depth > 16:
            raise invalid_query("Views are nested too deeply: at most 16 levels")
        for node in list(tree.find_all(exp.Table)):
            if isinstance(node.this, exp.Func) or partitions.with_query(node) is not None:
                continue
            if node.args.get("version") or node.args.get("when"):
                raise ApiError(501, "notImplemented", "The stand-in has no time travel")
            if "INFORMATION_SCHEMA." in node.name.upper():
                rows = information_schema.query(self.catalogue, node, self.project)
                _put(node, rows)
                continue
            table = self.lookup(node)
            if table.view_query is None:
                node.meta[partitions.TABLE] = table
                continue
            inner = parse(table.view_query)
            viewer = dataclasses.replace(self, project=table.project, default_dataset=None)
            viewer._resolve(inner, depth + 1)
            _put(node, inner)

    def _replace_tables(self, tree: exp.Expr, target: exp.Table | None) -> list[Table]:
        found = []
        for node in list(tree.find_all(exp.Table)):
            table: Table | None = node.meta.get(partitions.TABLE)
            if table is None:
                continue
            found.append(table)
            stored = exp.table_(table.name, db=schema_name(table.project, table.dataset)[1:-1], quoted=True)
            if node is target:
                node.set("this", stored.this)
                node.set("db", stored.args["db"])
                node.set("catalog", None)
            else:
                hidden = [exp.column(name) for name in HIDDEN]
                rows = exp.select(exp.Star(except_=hidden)).from_(stored)
                condition = sqlglot.parse_one(table.unexpired(self.now), read="duckdb")
                _put(node, rows.where(condition))
        return found


def _put(node: exp.Table, rows: exp.Expr) -> None:
    """Put a subquery in the place of a table, under the same alias and with the same joins."""
    name = exp.to_identifier(node.name.split(".")[-1], quoted=True)
    alias = node.args.get("alias") or exp.TableAlias(this=name)
    extra = {name: node.args[name] for name in ("joins", "sample", "pivots") if node.args.get(name)}
    node.replace(exp.Subquery(this=rows, alias=alias, **extra))


def _target(tree: exp.Expr) -> exp.Table | None:
    match tree:
        case exp.TruncateTable():
            target = tree.expressions[0]
        case exp.Insert() | exp.Update() | exp.Delete() | exp.Merge():
            target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        case _:
            return None
    if not isinstance(target, exp.Table):
        raise invalid_query("A statement changes one table")
    return target


def _prepare_change(tree: exp.Expr, table: Table | None) -> None:
    """What GoogleSQL demands of a change, and the mark by which a touched streamed row is known.

    A changed row is no longer a streamed row: counting streamed rows before and after tells
    whether the statement touched one (see `queries`).
    """
    if isinstance(tree, (exp.Update, exp.Delete)) and not tree.args.get("where"):
        raise invalid_query(f"{tree.key.upper()} must have a WHERE clause")
    if isinstance(tree, exp.Update):
        tree.append("expressions", _unstreamed())
    if isinstance(tree, exp.Merge):
        for when in tree.args["whens"].expressions:
            _prepare_when(when.args.get("then"), tree, table)
    if isinstance(tree, exp.Insert) and table and not isinstance(tree.this, exp.Schema):
        columns = [exp.to_identifier(f.name, quoted=True) for f in table.fields]
        tree.set("this", exp.Schema(this=tree.this, expressions=columns))


def _prepare_when(action: exp.Expr | None, merge: exp.Merge, table: Table | None) -> None:
    if isinstance(action, exp.Update):
        action.append("expressions", _unstreamed())
    if isinstance(action, exp.Insert) and table and not action.expression:
        names = [f.name for f in table.fields]
        source = merge.args["using"].alias_or_name
        action.set("this", exp.Tuple(expressions=[exp.column(name, quoted=True) for name in names]))
        values = [exp.column(name, source, quoted=True) for name in names]
        action.set("expression", exp.Tuple(expressions=values))


def _unstreamed() -> exp.Expr:
    return exp.EQ(this=exp.column(STREAMED_AT), expression=exp.Null())


def _name_columns(query: exp.Query) -> None:
    """Columns without a name are f0_, f1_, …"""
    unnamed = 0
    first = query
    while isinstance(first, (exp.SetOperation, exp.Subquery)):
        first = first.this
    for column in list(first.expressions):
        if not isinstance(column, (exp.Alias, exp.Column, exp.Dot)) and not column.is_star:
            column.replace(exp.alias_(column.copy(), f"f{unnamed}_"))
            unnamed += 1


def _generate(tree: exp.Expr) -> str:
    try:
        return tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        if "timezone handling" in str(error):  # every session here is in UTC, as BigQuery's are
            return tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.IGNORE)
        raise ApiError(501, "notImplemented", f"The stand-in cannot run this: {error}") from error
