"""Where DuckDB, as sqlglot writes it, would answer otherwise than GoogleSQL.

https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
"""

import datetime as dt

from sqlglot import exp

from leafloaf.stack.http import ApiError


def adapt(tree: exp.Expr, now: dt.datetime) -> exp.Expr:
    """Rewrite, innermost first, what sqlglot leaves different; `now` is the stand-in's clock."""
    for node in reversed(list(tree.walk())):
        replacement = _adapted(node, now)
        if replacement is None:
            continue
        if node is tree:
            tree = replacement
        else:
            node.replace(replacement)
    return tree


def _adapted(node: exp.Expr, now: dt.datetime) -> exp.Expr | None:
    match node:
        case exp.CurrentTimestamp():
            return _cast(f"{now}", "TIMESTAMPTZ")
        case exp.CurrentDate() | exp.CurrentDatetime() | exp.CurrentTime():
            return _current(node, now)
        case exp.TimestampDiff():
            # Whole units between, not boundaries crossed.
            unit = exp.Literal.string(node.text("unit"))
            return exp.Anonymous(this="DATE_SUB", expressions=[unit, node.expression, node.this])
        case exp.DateAdd() | exp.DateSub() | exp.DateTrunc():
            # A DATE, where DuckDB makes a date and an interval a TIMESTAMP.
            return None if isinstance(node.parent, exp.Cast) else exp.cast(node.copy(), "DATE")
        case exp.Extract():
            return _extract(node)
        case exp.Literal() if not node.is_string and not node.is_int:
            return None if isinstance(node.parent, exp.Cast) else exp.cast(node.copy(), "DOUBLE")
        case exp.Div():
            return _division(node)
        case exp.Unnest() if isinstance(node.args.get("offset"), exp.Identifier):
            _count_from_zero(node)
        case exp.In() if node.args.get("unnest"):
            return _in_array(node)
        case exp.ArrayAgg() if isinstance(node.this, exp.Limit):
            return _first_of_array(node)
        case exp.UnixSeconds():
            # The second that has begun; a cast would round to the nearest.
            return exp.cast(
                exp.Floor(this=exp.Anonymous(this="EPOCH", expressions=[node.this.copy()])), "BIGINT"
            )
        case exp.CountIf() if not isinstance(node.this, exp.Distinct):
            # 0 where there is nothing to count, for which DuckDB's says NULL.
            return exp.Count(this=exp.Case().when(node.this.copy(), exp.Literal.number(1)))
        case exp.ApproxTopK() | exp.ApproxTopSum():
            raise ApiError(501, "notImplemented", f"The stand-in has no {node.key.upper()}")
    return None


def _cast(text: str, kind: str) -> exp.Expr:
    return exp.cast(exp.Literal.string(text), kind)


def _current(node: exp.Expr, now: dt.datetime) -> exp.Expr:
    if node.this is not None:
        raise ApiError(501, "notImplemented", f"The stand-in has {node.key.upper()} in UTC only")
    local = now.replace(tzinfo=None)
    if isinstance(node, exp.CurrentDate):
        return _cast(f"{local.date()}", "DATE")
    if isinstance(node, exp.CurrentTime):
        return _cast(f"{local.time()}", "TIME")
    return exp.cast(exp.Literal.string(f"{local}"), exp.DataType.build("TIMESTAMP", dialect="duckdb"))


def _extract(node: exp.Extract) -> exp.Expr | None:
    part = node.this.sql(dialect="bigquery").upper()
    if part == "DAYOFWEEK" and not isinstance(node.parent, exp.Add):
        return exp.paren(exp.Add(this=node.copy(), expression=exp.Literal.number(1)))  # Sunday is 1
    if part == "ISOWEEK":
        return exp.Extract(this=exp.var("WEEK"), expression=node.expression)
    if part == "WEEK":
        text = exp.Anonymous(this="STRFTIME", expressions=[node.expression, exp.Literal.string("%U")])
        return exp.cast(text, "BIGINT")
    if part == "DATE":
        return exp.cast(node.expression, "DATE")
    return None


def _division(node: exp.Div) -> exp.Expr | None:
    """Division by zero is an error, not an infinity."""
    divisor = node.expression.unnest()
    if isinstance(divisor, exp.Case) or (isinstance(divisor, exp.Literal) and float(divisor.this)):
        return None
    error = exp.Anonymous(this="ERROR", expressions=[exp.Literal.string("division by zero")])
    guarded = exp.Case().when(exp.EQ(this=exp.paren(divisor), expression=exp.Literal.number(0)), error)
    return exp.Div(this=node.this, expression=guarded.else_(divisor.copy()), **_flags(node))


def _flags(node: exp.Expr) -> dict[str, object]:
    return {name: node.args.get(name) for name in ("typed", "safe")}


def _count_from_zero(node: exp.Unnest) -> None:
    """WITH OFFSET counts from 0, DuckDB's WITH ORDINALITY from 1."""
    name, select = node.args["offset"].name, node.parent_select
    for column in list(select.find_all(exp.Column)) if select else []:
        if column.name.lower() != name.lower() or column.table:
            continue
        shifted: exp.Expr = exp.paren(exp.Sub(this=column.copy(), expression=exp.Literal.number(1)))
        is_output = column.parent is select and column.arg_key == "expressions"
        column.replace(exp.alias_(shifted, column.name) if is_output else shifted)


def _in_array(node: exp.In) -> exp.Expr:
    arrays = node.args["unnest"].expressions
    rows = exp.select(exp.Anonymous(this="UNNEST", expressions=arrays))
    return exp.In(this=node.this, query=exp.Subquery(this=rows))


def _first_of_array(node: exp.ArrayAgg) -> exp.Expr:
    """ARRAY_AGG(x ORDER BY y LIMIT n)"""
    limit = node.this
    aggregate = exp.ArrayAgg(this=limit.this, nulls_excluded=node.args.get("nulls_excluded"))
    return exp.Anonymous(this="LIST_SLICE", expressions=[aggregate, exp.Literal.number(1), limit.expression])
