"""Conditions on rows as Great Expectations writes them, as expressions of Polars."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import polars as pl

from homeostat.core import SchemaError

__all__ = ["row_condition"]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATORS: dict[type, str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_JOIN: dict[type, Callable[[Any, Any], Any]] = {
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
_PARTS = re.compile(r"""'[^']*'|"[^"]*"|`(?P<column>[^`]+)`|(?P<sign>[&|])""")
_PARSERS = {"pandas", "great_expectations", "great_expectations__experimental__", "spark", ""}


def row_condition(data: object, parser: str = "pandas") -> pl.Expr:
    """Read a ``row_condition``: a query of pandas, ``col("a") > 1``, or the object of GX 1.x.

    Raises:
        SchemaError: If it is none of these, or has a part that cannot be read.
    """
    if isinstance(data, Mapping):
        return _of_object(data)
    if parser not in _PARSERS:
        raise SchemaError(f"`condition_parser` {parser!r} is not known: it is 'pandas' or 'spark'.")
    if not isinstance(data, str):
        raise SchemaError(f"`row_condition` must be text, got {data!r}.")
    if parser == "spark":
        return pl.sql_expr(data)
    quoted: dict[str, str] = {}

    def as_python(found: re.Match[str]) -> str:
        # pandas gives `&` and `|` the precedence of `and` and `or`
        if found["sign"]:
            return " and " if found["sign"] == "&" else " or "
        if found["column"] is None:
            return found[0]
        name = f"column_{len(quoted)}_"
        quoted[name] = found["column"]
        return name

    try:
        tree = ast.parse(_PARTS.sub(as_python, data), mode="eval").body
    except SyntaxError as error:
        raise SchemaError(f"`row_condition` {data!r} cannot be read: {error}.") from error
    return _Reader(data, quoted).condition(tree)


class _Reader:
    def __init__(self, text: str, quoted: Mapping[str, str]) -> None:
        self.text, self.quoted = text, quoted

    def refuse(self, node: ast.AST) -> SchemaError:
        part = ast.unparse(node)
        return SchemaError(f"`row_condition` {self.text!r} cannot be read at `{part}`.")

    def condition(self, node: ast.AST) -> pl.Expr:  # noqa: PLR0911 - one return a kind of node
        match node:
            case ast.BoolOp(op, parts):
                return reduce(_JOIN[type(op)], map(self.condition, parts))
            case ast.BinOp(left, ast.BitAnd() | ast.BitOr() as op, right):
                found: pl.Expr = _JOIN[type(op)](self.condition(left), self.condition(right))
                return found
            case ast.UnaryOp(ast.Not() | ast.Invert(), part):
                return ~self.condition(part)
            case ast.Compare(left, [ast.In() | ast.NotIn() as op], [ast.List() | ast.Tuple() as r]):
                inside = self.value(left).is_in(ast.literal_eval(r))
                return inside if isinstance(op, ast.In) else ~inside
            case ast.Compare(left, ops, parts):
                sides = [self.value(part) for part in (left, *parts)]
                pairs = zip(ops, sides, sides[1:], strict=False)
                return reduce(operator.and_, (self.compare(*pair, node) for pair in pairs))
            case ast.Call(ast.Attribute(part, "notnull" | "notna"), []):
                return self.value(part).is_not_null()
            case ast.Call(ast.Attribute(part, "isnull" | "isna"), []):
                return self.value(part).is_null()
            case ast.Name():
                return self.value(node)
        raise self.refuse(node)

    def compare(self, op: ast.cmpop, left: pl.Expr, right: pl.Expr, node: ast.AST) -> pl.Expr:
        if type(op) not in _OPERATORS:
            raise self.refuse(node)
        found: pl.Expr = _COMPARE[_OPERATORS[type(op)]](left, right)
        return found

    def value(self, node: ast.AST) -> pl.Expr:
        match node:
            case ast.Name(name):
                return pl.col(self.quoted.get(name, name))
            case ast.Constant(value):
                return pl.lit(value)
            case ast.UnaryOp(ast.USub(), ast.Constant(value)):
                return pl.lit(-value)  # type: ignore[operator]
            case ast.Call(ast.Name("col"), [ast.Constant(str() as name)]):
                return pl.col(name)
        raise self.refuse(node)


def _of_object(data: Mapping[str, Any]) -> pl.Expr:
    """Read the object that GX 1.x writes for a condition."""
    column = data.get("column")
    name = column.get("name") if isinstance(column, Mapping) else column
    sign, parameter = data.get("operator"), data.get("parameter", data.get("value"))
    match data.get("type"):
        case "and" | "or" as kind:
            parts = [_of_object(one) for one in data.get("conditions", ())]
            return reduce(operator.and_ if kind == "and" else operator.or_, parts)
        case "nullity":
            null = pl.col(str(name)).is_null()
            return null if data.get("is_null", True) else ~null
        case "comparison" if sign in _COMPARE and isinstance(name, str):
            found: pl.Expr = _COMPARE[sign](pl.col(name), pl.lit(parameter))
            return found
        case "comparison" if sign in {"IN", "NOT_IN", "NOT IN"} and isinstance(name, str):
            inside = pl.col(name).is_in(parameter)
            return inside if sign == "IN" else ~inside
    raise SchemaError(f"`row_condition` {dict(data)!r} cannot be read.")
