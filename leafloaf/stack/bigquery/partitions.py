"""The partition filter: a table may demand one in every query over it.

https://cloud.google.com/bigquery/docs/querying-partitioned-tables#require_a_partition_filter
A filter counts when it refers to nothing but the partitioning column. One written outside a
subquery, a WITH query or a view counts when it can move inwards: past plain columns and grouping
keys, not past a window function, a LIMIT or an aggregate (the same rows would not come out).
"""

from collections.abc import Iterable, Iterator

from sqlglot import exp

from leafloaf.stack.bigquery.store import Table
from leafloaf.stack.http import ApiError

TABLE = "standin_table"  # a resolved exp.Table carries its Table under this name


def check(tree: exp.Expr) -> None:
    """Refuse a statement that reads or changes a table without the filter it demands."""
    match tree:
        case exp.Delete() | exp.Update():
            where = tree.args.get("where")
            _check_target(tree.this, _conjuncts(where.this if where else None))
        case exp.Merge():
            whens = tree.args["whens"].expressions
            conditions = [tree.args["on"], *(w.args.get("condition") for w in whens)]
            _check_target(tree.this, [c for condition in conditions for c in _conjuncts(condition)])
            using = tree.args["using"]
            if isinstance(using, exp.Subquery):
                _visit(using, set())
        case exp.Insert():
            if isinstance(tree.expression, exp.Query):
                _visit(tree.expression, set())
        case exp.Query():
            _visit(tree, set())
    if not isinstance(tree, exp.Query):
        for query in _inner_queries(tree):
            _visit(query, set())


def _check_target(target: exp.Expr, conjuncts: list[exp.Expr]) -> None:
    _check_table(target, _filtered(target, conjuncts))


def _check_table(node: exp.Expr, filtered: set[str]) -> None:
    table: Table | None = node.meta.get(TABLE)
    column = table.partition_field if table and table.requires_filter else None
    if table and column and column.lower() not in filtered:
        message = (
            f"Cannot query over table '{table.path}' without a filter over column(s) '{column}'"
            " that can be used for partition elimination"
        )
        raise ApiError(400, "invalidQuery", message, location="query", locationType="parameter")


def _visit(query: exp.Expr, pushed: set[str]) -> None:
    """`pushed` names the output columns on which the surrounding query filters."""
    if isinstance(query, exp.SetOperation):
        names = [name.lower() for name in query.left.named_selects]
        others = [name.lower() for name in query.right.named_selects]
        _visit(query.left, pushed)
        if len(names) == len(others) and "*" not in names:
            pushed = {o for n, o in zip(names, others, strict=True) if n in pushed}
        _visit(query.right, pushed)
    elif isinstance(query, exp.Subquery):
        _visit(query.this, pushed)
    elif isinstance(query, exp.Select):
        _visit_select(query, pushed)


def _visit_select(select: exp.Select, pushed: set[str]) -> None:
    where = select.args.get("where")
    conjuncts = _conjuncts(where.this if where else None)
    joins = select.args.get("joins") or []
    for join in joins:
        if (join.side or "").upper() not in ("LEFT", "RIGHT", "FULL"):
            conjuncts += _conjuncts(join.args.get("on"))
    origin = select.args.get("from_")
    sources: list[tuple[exp.Expr, list[exp.Expr]]] = [(origin.this, [])] if origin else []
    sources += [(join.this, _conjuncts(join.args.get("on"))) for join in joins]
    inherited = list(_inherited(select, pushed))
    for source, own in sources:
        filtered = _filtered(source, conjuncts + own)
        filtered |= {name for alias, name in inherited if alias in ("", source.alias_or_name.lower())}
        _visit_source(select, source, filtered)
    for query in _inner_queries(select):
        _visit(query, set())


def _visit_source(select: exp.Select, source: exp.Expr, filtered: set[str]) -> None:
    if isinstance(source, exp.Subquery):
        _visit(source.this, filtered)
    elif isinstance(source, exp.Table) and (named := with_query(source)) is not None:
        _visit(named, filtered)
    else:
        _check_table(source, filtered)


def with_query(table: exp.Table) -> exp.Query | None:
    """The WITH query that an undotted name stands for, looking outwards."""
    if table.db:
        return None
    node: exp.Expr | None = table.parent
    inside: exp.Expr = table
    while node is not None:
        for cte in node.args["with_"].expressions if node.args.get("with_") else []:
            if cte.alias.lower() == table.name.lower() and cte is not inside:
                found = cte.this
                return found if isinstance(found, exp.Query) else None
        if isinstance(node, exp.CTE):
            inside = node
        node = node.parent
    return None


def _conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    if condition is None:
        return []
    condition = condition.unnest()
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def _filtered(source: exp.Expr, conjuncts: Iterable[exp.Expr]) -> set[str]:
    """The columns of a source that a condition compares with constants only."""
    found = set()
    for conjunct in conjuncts:
        columns = list(conjunct.find_all(exp.Column))
        names = {c.name.lower() for c in columns}
        owned = all(c.table.lower() in ("", source.alias_or_name.lower()) for c in columns)
        if len(names) == 1 and owned and not conjunct.find(exp.Query):
            found |= names
    return found


def _inherited(select: exp.Select, pushed: set[str]) -> Iterator[tuple[str, str]]:
    """The outer filters that can move into this query, as (source, column)."""
    blocked = any(select.args.get(part) for part in ("limit", "offset", "qualify"))
    if not pushed or blocked or _has(select, exp.Window):
        return
    group = select.args.get("group")
    keys = {key.sql().lower() for key in group.expressions} if group else set()
    if not group and _has(select, exp.AggFunc):
        return
    for position, projection in enumerate(select.expressions, 1):
        column = projection.unalias()
        if column.is_star:
            yield from ((column.table.lower() if isinstance(column, exp.Column) else "", n) for n in pushed)
        elif isinstance(column, exp.Column) and projection.alias_or_name.lower() in pushed:
            names = {str(position), column.sql().lower(), projection.alias_or_name.lower()}
            if not group or names & keys:
                yield column.table.lower(), column.name.lower()


def _has(select: exp.Select, kind: type[exp.Expr]) -> bool:
    return any(found.parent_select is select for found in select.find_all(kind))


def _inner_queries(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Queries inside the expressions of this one: EXISTS, IN, scalar and array subqueries."""
    for query in tree.find_all(exp.Select, exp.SetOperation):
        if query is tree or isinstance(query.parent, (exp.CTE, exp.SetOperation)):
            continue
        parent = query.parent
        outer = parent.parent if isinstance(parent, exp.Subquery) else parent
        is_source = isinstance(parent, exp.Subquery) and isinstance(outer, (exp.From, exp.Join, exp.Merge))
        owner = parent.parent_select if parent else None
        if not is_source and owner is (tree if isinstance(tree, exp.Select) else None):
            yield query
