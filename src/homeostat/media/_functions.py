"""The functions of the expression language, each by what it takes and what it gives."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

import polars as pl

from homeostat.core import Expression
from homeostat.media._typed import Typed, number, refuse

__all__ = ["AGGREGATED", "APPLIED", "same_kind", "wanted"]

Function = Callable[[Expression, list[Typed]], Typed]


def wanted(node: Expression, part: Typed, *kinds: str) -> Typed:
    """Return a part if it is of one of the kinds (or null), else say what it is."""
    if part.kind not in {*kinds, "null"}:
        raise refuse(node, f"{part.says()}, not {' or '.join(kinds)}")
    return part


def same_kind(node: Expression, parts: list[Typed]) -> str:
    """Return the one kind that parts have, null aside; refuse where they differ."""
    first = next((part for part in parts if part.kind != "null"), parts[0])
    for part in parts:
        if part.kind not in {first.kind, "null"}:
            why = f"{first.says()} and {part.says()}; convert one with `text(...)` or `number(...)`"
            raise refuse(node, why)
    return first.kind


def _made(node: Expression, expr: pl.Expr, kind: str, parts: list[Typed]) -> Typed:
    return Typed(expr, kind, node, row=any(part.row for part in parts))


def _numeric(compute: Callable[[pl.Expr], pl.Expr]) -> Function:
    def apply(node: Expression, parts: list[Typed]) -> Typed:
        part = wanted(node, parts[0], "number", "bool")
        return _made(node, compute(number(part)), "number", parts)

    return apply


def _root_or_log(compute: Callable[[pl.Expr], pl.Expr]) -> Function:
    """What has no value for some numbers gives null there, neither NaN nor infinity."""

    def compute_if_finite(expr: pl.Expr) -> pl.Expr:
        found = compute(expr.cast(pl.Float64))
        return pl.when(found.is_finite()).then(found)

    return _numeric(compute_if_finite)


def _textual(compute: Callable[..., pl.Expr], kind: str) -> Function:
    def apply(node: Expression, parts: list[Typed]) -> Typed:
        texts = [wanted(node, part, "text").expr.cast(pl.String) for part in parts]
        return _made(node, compute(*texts), kind, parts)

    return apply


def _length(node: Expression, parts: list[Typed]) -> Typed:
    part = wanted(node, parts[0], "text", "list")
    expr = (
        part.expr.list.len() if part.kind == "list" else part.expr.cast(pl.String).str.len_chars()
    )
    return _made(node, expr.cast(pl.Int64), "number", parts)


def _rounded(node: Expression, parts: list[Typed]) -> Typed:
    part = wanted(node, parts[0], "number")
    digits = parts[1].node.value if len(parts) == 2 else 0
    if not isinstance(digits, int) or not 0 <= digits <= 15:
        raise refuse(node, "the digits of `round` are a whole number from 0 to 15")
    return _made(node, number(part).round(digits), "number", parts)


def _matches(node: Expression, parts: list[Typed]) -> Typed:
    text, pattern = wanted(node, parts[0], "text"), parts[1].node.value
    if parts[1].node.op != "value" or not isinstance(pattern, str):
        raise refuse(node, "the second argument of `matches` is a regular expression in quotes")
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.ComputeError as error:
        raise refuse(node, f"{pattern!r} is no regular expression") from error
    return _made(node, text.expr.cast(pl.String).str.contains(pattern), "bool", parts)


def _to_text(node: Expression, parts: list[Typed]) -> Typed:
    part = wanted(node, parts[0], "text", "number", "bool", "time")
    return _made(node, part.expr.cast(pl.String), "text", parts)


def _to_number(node: Expression, parts: list[Typed]) -> Typed:
    part = wanted(node, parts[0], "text", "number", "bool")
    expr = number(part)
    if part.kind == "text":
        expr = part.expr.str.strip_chars().cast(pl.Float64, strict=False).fill_nan(None)
    return _made(node, expr, "number", parts)


def _choice(node: Expression, parts: list[Typed]) -> Typed:
    condition = wanted(node, parts[0], "bool")
    kind = same_kind(node, parts[1:])
    expr = pl.when(condition.expr).then(parts[1].expr).otherwise(parts[2].expr)
    return _made(node, expr, kind, parts)


def _across(compute: Callable[[list[pl.Expr]], pl.Expr]) -> Function:
    def apply(node: Expression, parts: list[Typed]) -> Typed:
        kind = same_kind(node, parts)
        return _made(node, compute([part.expr for part in parts]), kind, parts)

    return apply


def _smallest(node: Expression, parts: list[Typed]) -> Typed:
    if len(parts) == 1:
        return _aggregate(lambda expr: expr.min())(node, parts)
    return _across(pl.min_horizontal)(node, parts)


def _largest(node: Expression, parts: list[Typed]) -> Typed:
    if len(parts) == 1:
        return _aggregate(lambda expr: expr.max())(node, parts)
    return _across(pl.max_horizontal)(node, parts)


def _aggregate(compute: Callable[[pl.Expr], pl.Expr], *, numbers: bool = False) -> Function:
    def apply(node: Expression, parts: list[Typed]) -> Typed:
        part = _many(node, parts[0])
        if numbers:
            part = wanted(node, part, "number", "bool")
            return Typed(compute(number(part)), "number", node, row=False)
        return Typed(compute(part.expr), part.kind, node, row=False)

    return apply


def _many(node: Expression, part: Typed) -> Typed:
    if not part.row:
        raise refuse(node, f"`{part.node}` is one value already, `{node.op}` needs a column")
    return part


def _count(node: Expression, parts: list[Typed]) -> Typed:
    expr = _many(node, parts[0]).expr.count() if parts else pl.len()
    return Typed(expr.cast(pl.Int64), "number", node, row=False)


def _distinct(node: Expression, parts: list[Typed]) -> Typed:
    expr = _many(node, parts[0]).expr.drop_nulls().n_unique().cast(pl.Int64)
    return Typed(expr, "number", node, row=False)


APPLIED: Mapping[str, Function] = {
    "abs": _numeric(lambda expr: expr.abs()),
    "ceil": _numeric(lambda expr: expr.ceil()),
    "floor": _numeric(lambda expr: expr.floor()),
    "exp": _root_or_log(lambda expr: expr.exp()),
    "log": _root_or_log(lambda expr: expr.log()),
    "sqrt": _root_or_log(lambda expr: expr.sqrt()),
    "lower": _textual(lambda expr: expr.str.to_lowercase(), "text"),
    "upper": _textual(lambda expr: expr.str.to_uppercase(), "text"),
    "contains": _textual(lambda expr, part: expr.str.contains(part, literal=True), "bool"),
    "starts": _textual(lambda expr, part: expr.str.starts_with(part), "bool"),
    "ends": _textual(lambda expr, part: expr.str.ends_with(part), "bool"),
    "matches": _matches,
    "len": _length,
    "round": _rounded,
    "text": _to_text,
    "number": _to_number,
    "if": _choice,
    "coalesce": _across(pl.coalesce),
    "min": _smallest,
    "max": _largest,
}


AGGREGATED: Mapping[str, Function] = {
    "count": _count,
    "distinct": _distinct,
    "mean": _aggregate(operator.methodcaller("mean"), numbers=True),
    "sum": _aggregate(operator.methodcaller("sum"), numbers=True),
    "std": _aggregate(operator.methodcaller("std"), numbers=True),
    "median": _aggregate(operator.methodcaller("median"), numbers=True),
    "first": _aggregate(operator.methodcaller("first")),
    "last": _aggregate(operator.methodcaller("last")),
}
