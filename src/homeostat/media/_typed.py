"""A compiled part of an expression: the Polars expression, and what kind of value it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import polars as pl

from homeostat.core import Expression, InputError, suggest

__all__ = ["Columns", "Typed", "column", "kind_of", "literal", "number", "refuse"]

Columns = Mapping[str, pl.DataType]

_ARTICLE = {"bool": "true or false", "number": "a number", "other": "neither number nor text"}
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Typed:
    """What a node compiles to.

    Args:
        expr: The Polars expression.
        kind: ``"number"``, ``"text"``, ``"bool"``, ``"time"``, ``"list"``, ``"null"`` or
            ``"other"`` (structs and media).
        node: The node it comes from, for messages.
        dtype: Of a column as it is stored; None for what is computed.
        row: Whether it has a value of its own in each row, as opposed to a literal or an
            aggregate.
    """

    expr: pl.Expr
    kind: str
    node: Expression
    dtype: pl.DataType | None = None
    row: bool = True

    def with_(self, expr: pl.Expr, kind: str) -> Typed:
        """Return another expression of the same rows; its stored type is no longer known."""
        return replace(self, expr=expr, kind=kind, dtype=None)

    def says(self) -> str:
        """Describe it for a message, such as ``"`guess` is text"``."""
        return f"`{self.node}` is {_ARTICLE.get(self.kind, self.kind)}"


def refuse(node: Expression, why: str) -> InputError:
    """Return the error that a node cannot be computed over these columns."""
    return InputError(f"The expression `{node}` cannot be computed: {why}.")


def kind_of(dtype: pl.DataType) -> str:
    """Return the kind of value that a column of this type holds."""
    if dtype.is_numeric():
        return "number"
    if dtype.base_type() in {pl.String, pl.Categorical, pl.Enum}:
        return "text"
    if dtype.base_type() in {pl.Date, pl.Datetime, pl.Time}:
        return "time"
    named: dict[type[pl.DataType], str] = {pl.Boolean: "bool", pl.Null: "null", pl.List: "list"}
    return named.get(dtype.base_type(), "list" if dtype == pl.Array else "other")


def column(node: Expression, columns: Columns) -> Typed:
    """Find the column, or the field of a struct column, that a name means."""
    name = str(node.value)
    if name in columns:
        return _read(pl.col(name), columns[name], node)
    outer, _, rest = name.partition(".")
    dtype = columns.get(outer)
    expr = pl.col(outer)
    while rest and isinstance(dtype, pl.Struct):
        fields = dict(dtype)
        inner, _, after = (rest, "", "") if rest in fields else rest.partition(".")
        if inner not in fields:
            raise InputError(f"The column `{outer}` has no field `{rest}`.{suggest(rest, fields)}")
        expr, dtype, rest = expr.struct.field(inner), fields[inner], after  # type: ignore[assignment]  # a field's type
    if dtype is None or rest:
        raise InputError(f"There is no column `{name}`.{suggest(name, columns)}")
    return _read(expr, dtype, node)


def _read(expr: pl.Expr, dtype: pl.DataType, node: Expression) -> Typed:
    if dtype.is_float():
        expr = expr.fill_nan(None)  # NaN is missing, as null is
    elif dtype == pl.Array:
        expr = expr.arr.to_list()
    elif dtype.base_type() in {pl.Categorical, pl.Enum}:
        expr = expr.cast(pl.String)
    return Typed(expr, kind_of(dtype), node, dtype)


def literal(node: Expression) -> Typed:
    """Compile a literal; an integer that 64 bits cannot hold becomes a float."""
    value = node.value
    if isinstance(value, int) and abs(value) > _LARGEST:
        value = float(value)
    kinds = {bool: "bool", int: "number", float: "number", str: "text", type(None): "null"}
    return Typed(pl.lit(value), kinds[type(value)], node, row=False)


def number(part: Typed) -> pl.Expr:
    """Return a number wide enough to be reckoned with: narrow integers would wrap around."""
    if part.kind == "bool" or (part.dtype is not None and part.dtype.is_integer()):
        return part.expr.cast(pl.Float64 if part.dtype == pl.UInt64 else pl.Int64)
    if part.dtype is not None and part.dtype.is_decimal():
        return part.expr.cast(pl.Float64)
    return part.expr


def instant(part: Typed, dtype: pl.DataType) -> Typed:
    """Read a literal text as the date or time that a column of ``dtype`` is compared with."""
    text = str(part.node.value)
    reads: Callable[[str], date | datetime | time] = (
        time.fromisoformat if dtype == pl.Time else datetime.fromisoformat
    )
    try:
        moment = reads(text)
    except ValueError as error:
        why = f"{text!r} is no ISO date or time such as '2026-01-31' or '2026-01-31T09:30'"
        raise refuse(part.node, why) from error
    if isinstance(moment, datetime):
        moment = _in_zone(moment, getattr(dtype, "time_zone", None))
    return replace(part, expr=pl.lit(moment), kind="time")


def _in_zone(moment: datetime, zone: str | None) -> datetime:
    """A text without a zone is in the column's; one with a zone is compared in UTC."""
    if zone is None:
        return moment.astimezone(ZoneInfo("UTC")).replace(tzinfo=None) if moment.tzinfo else moment
    return (
        moment.astimezone(ZoneInfo(zone))
        if moment.tzinfo
        else moment.replace(tzinfo=ZoneInfo(zone))
    )
