"""What kinds of column a profile tells apart, and the form in which each is counted."""

from __future__ import annotations

import polars as pl

__all__ = ["NUMBERS", "TEXT", "TIMES", "join", "normalise", "present", "type_of"]

NUMBERS = ("bool", "int", "float")
TIMES = ("date", "datetime")
TEXT = ("string",)

_SHORT = 20_000
_FAMILIES = (NUMBERS, TIMES, TEXT, ("duration",), ("time",))


def type_of(values: pl.Series) -> str:
    """Name the type of a column; what cannot be counted (lists, structs, bytes) is `other`."""
    dtype = values.dtype
    if dtype == pl.Boolean:
        return "bool"
    if dtype.is_integer() and dtype not in {pl.UInt64, pl.Int128, pl.UInt128}:
        return "int"
    if dtype.is_numeric():
        return "float"
    named: dict[type[pl.DataType], str] = {
        pl.String: "string",
        pl.Categorical: "string",
        pl.Enum: "string",
        pl.Date: "date",
        pl.Datetime: "datetime",
        pl.Duration: "duration",
        pl.Time: "time",
        pl.Null: "null",
    }
    return named.get(dtype.base_type(), "other")


def normalise(values: pl.Series) -> tuple[pl.Series, str]:
    """Return a column as int64, float64 or strings, and its type; times are microseconds UTC."""
    type_ = type_of(values)
    if type_ in {"float", "null"}:
        values = values.cast(pl.Float64)
    elif type_ in {"bool", "int"}:
        values = values.cast(pl.Int64)
    elif type_ in TIMES:
        zone = values.dtype.time_zone if isinstance(values.dtype, pl.Datetime) else None
        values = values.cast(pl.Datetime("us", zone)).cast(pl.Int64)
    elif type_ == "duration":
        values = values.cast(pl.Duration("us")).cast(pl.Int64)
    elif type_ == "time":
        values = values.cast(pl.Int64) // 1000
    elif type_ == "string":
        values = values.cast(pl.String)
    return values, type_


def present(values: pl.Series) -> pl.Series:
    """Return the values that are not null, in any order.

    `drop_nulls` goes by the query engine, whose start costs more than sorting a short column.
    """
    if (nulls := values.null_count()) == 0:
        return values
    return values.drop_nulls() if len(values) > _SHORT else values.sort().slice(nulls)


def join(one: str, other: str) -> str:
    """Return the narrowest type that holds both; `mixed` where there is none."""
    if "null" in {one, other}:
        return other if one == "null" else one
    for family in _FAMILIES:
        if one in family and other in family:
            return max(one, other, key=family.index)
    return one if one == other else "mixed"
