"""Running one statement: SELECT, DML, and the DDL of views.

https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax
https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language
"""

import dataclasses
from typing import Any

import duckdb
from sqlglot import exp

from leafloaf.stack.bigquery import schema, sql
from leafloaf.stack.bigquery.catalogue import Catalogue, duplicate
from leafloaf.stack.bigquery.parameters import Parameters
from leafloaf.stack.bigquery.schema import Fields
from leafloaf.stack.bigquery.sql import Translation, Translator, invalid_query
from leafloaf.stack.bigquery.store import STREAMED_AT, Key, Table
from leafloaf.stack.http import ApiError


@dataclasses.dataclass
class Outcome:
    statement_type: str
    fields: Fields = ()
    rows: list[tuple[Any, ...]] = dataclasses.field(default_factory=list)
    affected: dict[str, int] | None = None
    ddl_operation: str | None = None
    ddl_target: Key | None = None


@dataclasses.dataclass(frozen=True)
class Query:
    """A statement and what it came with."""

    text: str
    project: str
    default_dataset: tuple[str, str] | None = None
    parameters: tuple[dict[str, Any], ...] = ()
    dry_run: bool = False


class Runner:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.rows = catalogue.rows

    def run(self, query: Query) -> Outcome:
        tree = sql.parse(query.text)
        try:
            return self._run(tree, query)
        except duckdb.ConstraintException as error:
            raise invalid_query(f"Required field cannot be null: {error}") from error
        except duckdb.Error as error:
            raise invalid_query(str(error)) from error

    def _run(self, tree: exp.Expr, query: Query) -> Outcome:
        if isinstance(tree, exp.Query):
            return self._select(self._translate(tree, query), query)
        if isinstance(tree, (exp.Insert, *sql.MUTATIONS)):
            return self._change(tree, query)
        if isinstance(tree, exp.Create) and tree.kind == "VIEW":
            return self._create_view(tree, query)
        if isinstance(tree, exp.Drop) and tree.args.get("kind") in ("VIEW", "TABLE"):
            return self._drop(tree, query)
        raise ApiError(501, "notImplemented", f"The stand-in does not run {tree.key.upper()} statements")

    def _translate(self, tree: exp.Expr, query: Query, *, defines_view: bool = False) -> Translation:
        now = self.rows.clock.now()
        translator = Translator(self.catalogue, query.project, query.default_dataset, now, defines_view)
        return translator.translate(tree, Parameters(list(query.parameters)))

    # SELECT

    def _select(self, translation: Translation, query: Query) -> Outcome:
        with self.rows.reader() as cursor:
            relation = cursor.sql(translation.text, params=translation.bound or None)
            fields = _fields(relation)
            rows = [] if query.dry_run else relation.fetchall()
        return Outcome("SELECT", fields, rows)

    def columns_of(self, text: str, project: str) -> Fields:
        """The columns of a view's query, which is checked by it."""
        tree = sql.parse(text)
        if not isinstance(tree, exp.Query):
            raise invalid_query("A view is a query")
        query = Query(text, project, dry_run=True)
        return self._select(self._translate(tree, query, defines_view=True), query).fields

    # INSERT, UPDATE, DELETE, MERGE, TRUNCATE

    def _change(self, tree: exp.Expr, query: Query) -> Outcome:
        kind = "TRUNCATE_TABLE" if isinstance(tree, exp.TruncateTable) else tree.key.upper()
        translation = self._translate(tree, query)
        table = translation.target
        assert table is not None  # noqa: S101 - every such statement has a target
        if table.view_query is not None:
            raise invalid_query(f"Cannot {kind} a view")
        if query.dry_run:
            with self.rows.reader() as cursor:
                cursor.execute(f"EXPLAIN {translation.text}", translation.bound or None)
            return Outcome(kind)
        return Outcome(kind, affected=self._apply(kind, table, translation))

    def _apply(self, kind: str, table: Table, translation: Translation) -> dict[str, int]:
        self.rows.purge(table)
        with self.rows.writing() as connection:
            before, buffered = self._count(connection, table)
            text = translation.text
            if kind == "TRUNCATE_TABLE":
                text = f"DELETE FROM {table.sql_name}"  # noqa: S608 - DuckDB's TRUNCATE reports no count
            changed = connection.execute(text, translation.bound or None).fetchall()[0][0]
            after, still_buffered = self._count(connection, table)
            if still_buffered < buffered:
                _refuse_buffered(kind, table)
        return _affected(kind, changed, before, after)

    def _count(self, connection: duckdb.DuckDBPyConnection, table: Table) -> tuple[int, int]:
        recent = self.rows.clock.now() - self.rows.buffered_for
        found = connection.execute(
            f"SELECT count(*), count(*) FILTER ({STREAMED_AT} > ?) FROM {table.sql_name}",  # noqa: S608
            [recent],
        ).fetchall()
        return found[0][0], found[0][1]

    # Views

    def _create_view(self, tree: exp.Create, query: Query) -> Outcome:
        key = self._key(tree.this.this if isinstance(tree.this, exp.Schema) else tree.this, query)
        text = tree.expression.sql(dialect="bigquery")
        fields = self.columns_of(text, query.project)
        existing = self.catalogue.tables.get(key)
        outcome = Outcome("CREATE_VIEW", ddl_operation="REPLACE" if existing else "CREATE", ddl_target=key)
        if existing and tree.args.get("exists"):
            outcome.ddl_operation = "SKIP"
        elif existing and (not tree.args.get("replace") or existing.view_query is None):
            raise duplicate(f"Table {existing.id}")
        elif query.dry_run:
            pass
        elif existing:
            self.catalogue.replace_view(existing, text, fields)
        else:
            resource = {"tableReference": {"tableId": key[2]}, "view": {"query": text, "useLegacySql": False}}
            self.catalogue.create_table(key[0], key[1], resource, fields)
        return outcome

    def _drop(self, tree: exp.Drop, query: Query) -> Outcome:
        kind, key = str(tree.args["kind"]), self._key(tree.args["tables"][0], query)
        existing = self.catalogue.tables.get(key)
        outcome = Outcome(f"DROP_{kind}", ddl_operation="DROP" if existing else "SKIP", ddl_target=key)
        if existing is None:
            if not tree.args.get("exists"):
                self.catalogue.table(*key)
        elif (existing.view_query is not None) != (kind == "VIEW"):
            raise invalid_query(f"{existing.id} is not a {kind.lower()}")
        elif not query.dry_run:
            self.catalogue.delete_table(existing)
        return outcome

    def _key(self, node: exp.Table, query: Query) -> Key:
        default = query.default_dataset or (query.project, "")
        project = node.catalog or (query.project if node.db else default[0])
        dataset = node.db or default[1]
        self.catalogue.dataset(project, dataset)
        return (project, dataset, node.name)


def _fields(relation: duckdb.DuckDBPyRelation) -> Fields:
    fields = tuple(schema.from_duckdb(n, t) for n, t in zip(relation.columns, relation.types, strict=True))
    names = [f.name.lower() for f in fields]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise invalid_query(
            f"Duplicate column names in the result are not supported. Found duplicate(s): {', '.join(twice)}"
        )
    return fields


def _refuse_buffered(kind: str, table: Table) -> None:
    name = "TRUNCATE DML" if kind == "TRUNCATE_TABLE" else "MERGE" if kind == "MERGE" else "UPDATE or DELETE"
    raise invalid_query(
        f"{name} statement over table {table.path} would affect rows in the streaming buffer,"
        " which is not supported"
    )


def _affected(kind: str, changed: int, before: int, after: int) -> dict[str, int]:
    """dmlStats. MERGE reports only the sum: the split is exact when its rows only came or only went."""
    counts = {"inserted": 0, "deleted": 0, "updated": 0}
    if kind == "INSERT":
        counts["inserted"] = changed
    elif kind in ("DELETE", "TRUNCATE_TABLE"):
        counts["deleted"] = changed
    elif kind == "UPDATE":
        counts["updated"] = changed
    else:
        counts["inserted"], counts["deleted"] = max(after - before, 0), max(before - after, 0)
        counts["updated"] = changed - counts["inserted"] - counts["deleted"]
    return counts
