"""PromQL as far as tests need it: parsed by promql-parser, and worked out where it compares numbers of one moment.

What needs history, such as `rate`, is parsed and no more: that is Prometheus' own to work out (`promtool test rules`).
"""

import operator
from collections.abc import Callable
from typing import Any

import promql_parser
from promql_parser import AggregateExpr, BinaryExpr, Call, NumberLiteral, VectorSelector

from tests.observability.exposed import Exposed

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
Found = dict[frozenset[tuple[str, str]], float]


class NeedsHistory(Exception):
    """One moment does not tell."""


def metrics(expression: str) -> dict[str, set[str]]:
    """The metrics that an expression selects, each with the labels that it asks about."""
    found: dict[str, set[str]] = {}

    def note(node: Any) -> None:
        if isinstance(node, VectorSelector) and node.name:
            named = found.setdefault(node.name, set())
            named |= {matcher.name for matcher in node.matchers.matchers}

    promql_parser.walk(promql_parser.parse(expression), note)
    return found


def fires(expression: str, told: Exposed, now: float) -> bool:
    """Whether an alert's condition holds at this moment.

    Raises:
        NeedsHistory: it asks for more.
    """
    return bool(_worked_out(promql_parser.parse(expression), told, now))


def _worked_out(node: Any, told: Exposed, now: float) -> Any:
    """A number, or values by their labels."""
    if isinstance(node, NumberLiteral):
        return node.val
    if isinstance(node, VectorSelector):
        return _selected(node, told)
    if isinstance(node, Call) and node.func.name == "time":
        return now
    if isinstance(node, Call) and node.func.name == "absent":
        return {} if _worked_out(node.args[0], told, now) else {frozenset(): 1.0}
    if isinstance(node, AggregateExpr) and str(node.op) == "max" and not node.modifier:
        values = _worked_out(node.expr, told, now).values()
        return {frozenset(): max(values)} if values else {}
    if isinstance(node, BinaryExpr):
        if str(node.op) == "or" and (found := _worked_out(node.lhs, told, now)):
            return found  # whatever the other side says
        left, right = (_worked_out(side, told, now) for side in (node.lhs, node.rhs))
        return _combined(str(node.op), left, right)
    raise NeedsHistory(type(node).__name__)


def _selected(node: Any, told: Exposed) -> Found:
    if node.offset:
        raise NeedsHistory("offset")
    wanted = {(matcher.name, matcher.value) for matcher in node.matchers.matchers}
    if ":" in node.name:
        raise NeedsHistory(node.name)
    return {of: value for (name, of), value in told.values.items() if name == node.name and wanted <= of}


def _combined(sign: str, left: Any, right: Any) -> Any:
    if sign == "or":
        return right | left
    if sign == "and":  # only ever `and on()`
        return left if right else {}
    if isinstance(left, dict) and sign in OPERATORS:
        compare, several = OPERATORS[sign], isinstance(right, dict)
        pairs = {of: right.get(of) if several else right for of in left}
        return {of: left[of] for of, other in pairs.items() if other is not None and compare(left[of], other)}
    if isinstance(right, dict) and sign == "-":
        return {of: left - value for of, value in right.items()}
    if sign == "*" and not isinstance(left, dict):
        return left * right
    raise NeedsHistory(sign)
