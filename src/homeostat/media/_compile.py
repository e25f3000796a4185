"""From an `Expression` to Polars: nothing of the text is evaluated, every name is a column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import polars as pl

from homeostat.core import Expression, InputError, parse_expression
from homeostat.media._functions import AGGREGATED, APPLIED, same_kind, wanted
from homeostat.media._typed import Columns, Typed, column, instant, kind_of, literal, number, refuse

__all__ = ["compile_aggregate", "compile_filter", "compile_formula"]

_COMPARE: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_RECKON: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / pl.when(b != 0).then(b),  # by zero: null
    "%": lambda a, b: a % pl.when(b != 0).then(b),
}


def compile_filter(text: str, columns: Columns) -> pl.Expr:
    """Compile a condition over columns to a Polars expression of true, false and null.

    Args:
        text: Such as ``"score > 0.5 and guess != truth"``.
        columns: The columns' names and Polars types.

    Raises:
        InputError: If it is no expression, names no column, mixes kinds, or is no condition.

    Example:
        >>> frame = pl.DataFrame({"score": [0.2, 0.9, float("nan")]})
        >>> frame.filter(compile_filter("score > 0.5", frame.schema))["score"].to_list()
        [0.9]
        >>> compile_filter("scor > 0.5", frame.schema)
        Traceback (most recent call last):
        homeostat.core._errors.InputError: There is no column `scor`. Did you mean `score`?
    """
    found = _compile(parse_expression(text), columns)
    if found.kind not in {"bool", "null"}:
        raise refuse(found.node, f"{found.says()}, a filter is a condition such as `score > 0.5`")
    return found.expr.cast(pl.Boolean)


def compile_formula(text: str, columns: Columns) -> pl.Expr:
    """Compile a formula over columns, such as ``"abs(score - truth)"``.

    Raises:
        InputError: If it is no expression, names no column, or mixes kinds.
    """
    return _compile(parse_expression(text), columns).expr


def compile_aggregate(text: str, columns: Columns) -> pl.Expr:
    """Compile a formula over the rows of a group, such as ``"mean(guess == truth)"``.

    Raises:
        InputError: Also if a column stands in it outside count, mean and the like.
    """
    found = _compile(parse_expression(text, aggregates=True), columns)
    if found.row:
        why = "a group has many rows: say which value, such as `mean(score)` or `first(image)`"
        raise refuse(found.node, why)
    return found.expr


def _compile(node: Expression, columns: Columns) -> Typed:
    if node.op == "value":
        return literal(node)
    if node.op == "name":
        return column(node, columns)
    if node.op == "list":
        raise refuse(node, "a list stands only after `in`")
    if node.op == "in" and node.args[1].op == "list":
        return _is_in(node, _compile(node.args[0], columns), columns)
    return _combined(node, [_compile(part, columns) for part in node.args])


def _combined(node: Expression, parts: list[Typed]) -> Typed:
    rows = any(part.row for part in parts)
    if node.op in _COMPARE:
        return Typed(_compared(node, *parts), "bool", node, row=rows)
    if node.op in _RECKON or node.op == "negative":
        return Typed(_reckoned(node, parts), "number", node, row=rows)
    if node.op in {"and", "or", "not"}:
        return Typed(_logical(node, parts), "bool", node, row=rows)
    if node.op == "is null":
        return Typed(parts[0].expr.is_null(), "bool", node, row=rows)
    if node.op == "in":
        return Typed(_contains(node, *parts), "bool", node, row=rows)
    return (APPLIED.get(node.op) or AGGREGATED[node.op])(node, parts)


def _compared(node: Expression, left: Typed, right: Typed) -> pl.Expr:
    left, right = _as_instant(left, right), _as_instant(right, left)
    if {left.kind, right.kind} == {"bool", "number"}:
        return _COMPARE[node.op](number(left), number(right))
    kind = same_kind(node, [left, right])
    if kind in {"other", "list"}:
        shown = left if left.kind == kind else right
        raise refuse(
            node, f"{shown.says()} and has no order; compare a field such as `image.sha256`"
        )
    return _COMPARE[node.op](left.expr, right.expr)


def _as_instant(part: Typed, other: Typed) -> Typed:
    if other.kind == "time" and part.kind == "text" and part.node.op == "value":
        return instant(part, other.dtype or pl.Datetime())
    return part


def _reckoned(node: Expression, parts: list[Typed]) -> pl.Expr:
    numbers = [number(wanted(node, part, "number", "bool")) for part in parts]
    if node.op == "negative":
        return -numbers[0]
    return _RECKON[node.op](*numbers)


def _logical(node: Expression, parts: list[Typed]) -> pl.Expr:
    conditions = [wanted(node, part, "bool").expr.cast(pl.Boolean) for part in parts]
    if node.op == "not":
        return ~conditions[0]
    return conditions[0] & conditions[1] if node.op == "and" else conditions[0] | conditions[1]


def _contains(node: Expression, item: Typed, whole: Typed) -> pl.Expr:
    if wanted(node, whole, "text", "list").kind == "list":
        inner = whole.dtype.inner if isinstance(whole.dtype, pl.List) else None
        if inner is not None and kind_of(cast("pl.DataType", inner)) not in {item.kind, "null"}:
            raise refuse(node, f"{item.says()}, the items of `{whole.node}` are {inner}")
        return whole.expr.list.contains(item.expr)
    return whole.expr.str.contains(wanted(node, item, "text").expr, literal=True)


def _is_in(node: Expression, left: Typed, columns: Columns) -> Typed:
    """Compile `x in [...]`: literals as one set, anything else as one comparison an item."""
    items = [_as_instant(_compile(part, columns), left) for part in node.args[1].args]
    items = [item for item in items if item.kind != "null"]
    kind = same_kind(node, [left, *items])
    if not items:
        return left.with_(pl.lit(False), "bool")
    if any(item.node.op != "value" for item in items) or kind == "time":
        equal = [Expression("==", (left.node, item.node), at=node.at) for item in items]
        exprs = [_compared(one, left, item) for one, item in zip(equal, items, strict=True)]
        return Typed(pl.any_horizontal(exprs), "bool", node, row=True)
    values = [item.node.value for item in items]
    expr = left.expr
    if kind == "number" and any(isinstance(value, float) for value in values):
        expr, values = expr.cast(pl.Float64), [float(cast("float", value)) for value in values]
    try:
        return Typed(expr.is_in(values), "bool", node, row=left.row)
    except (pl.exceptions.PolarsError, OverflowError, TypeError) as error:
        raise InputError(f"The list of `{node}` cannot be searched: {error}.") from error
