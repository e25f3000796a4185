"""What kinds of column a profile tells apart, and the form in which each is counted."""

from __future__ import annotations

import polars as pl

__all__ = ["NUMBERS", "TEXT", "TIMES", "join", "normalise", "type_of"]

NUMBERS = ("bool", "int", "float")
TIMES = ("date", "datetime")
TEXT = ("string",)

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
        values = values.dt.epoch("us")
    elif type_ == "duration":
        values = values.dt.total_microseconds()
    elif type_ == "time":
        values = values.cast(pl.Int64) // 1000
    elif type_ == "string":
        values = values.cast(pl.String)
    return values, type_


def join(one: str, other: str) -> str:
    """Return the narrowest type that holds both; `mixed` where there is none."""
    if "null" in {one, other}:
        return other if one == "null" else one
    for family in _FAMILIES:
        if one in family and other in family:
            return max(one, other, key=family.index)
    return one if one == other else "mixed"
