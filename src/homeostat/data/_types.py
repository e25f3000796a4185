"""The schema's column types and the dtypes of Polars: one mapping, both ways."""

from __future__ import annotations

import polars as pl

from homeostat.core import Column, ColumnType

__all__ = ["column_type", "conforms", "dtype_of", "is_unknown"]

_DTYPES: dict[ColumnType, pl.DataType] = {
    ColumnType.BOOL: pl.Boolean(),
    ColumnType.INT: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
    ColumnType.STRING: pl.String(),
    ColumnType.CATEGORY: pl.String(),
    ColumnType.DATE: pl.Date(),
    ColumnType.DATETIME: pl.Datetime("us", "UTC"),
}


def dtype_of(kind: ColumnType | Column) -> pl.DataType:
    """Return the dtype in which a column of this type is held; datetimes are in UTC.

    Example:
        >>> dtype_of(ColumnType.DATETIME)
        Datetime(time_unit='us', time_zone='UTC')
    """
    return _DTYPES[kind.type if isinstance(kind, Column) else kind]


def column_type(dtype: pl.DataType) -> ColumnType | None:
    """Return what a dtype holds, or None for one that a schema has no word for.

    A column of nothing but nulls has no type of its own; it reads as a string.

    Example:
        >>> column_type(pl.Int32()), column_type(pl.List(pl.Int8()))
        (<ColumnType.INT: 'int'>, None)
    """
    held = (
        (dtype.is_integer(), ColumnType.INT),
        (dtype.is_float() or dtype.is_decimal(), ColumnType.FLOAT),
        (isinstance(dtype, pl.Boolean), ColumnType.BOOL),
        (isinstance(dtype, (pl.Categorical, pl.Enum)), ColumnType.CATEGORY),
        (isinstance(dtype, (pl.String, pl.Null)), ColumnType.STRING),
        (isinstance(dtype, pl.Date), ColumnType.DATE),
        (isinstance(dtype, pl.Datetime), ColumnType.DATETIME),
    )
    return next((kind for holds, kind in held if holds), None)


def is_unknown(dtype: pl.DataType) -> bool:
    """Say whether a column holds nothing but nulls, so that any type fits it."""
    return isinstance(dtype, pl.Null)


def conforms(dtype: pl.DataType, kind: ColumnType) -> bool:
    """Say whether a column of this dtype may stand where the schema says ``kind``.

    Widths do not matter, whole numbers may stand for floats, and strings for categories.
    """
    held = column_type(dtype)
    if held is None or is_unknown(dtype):
        return held is not None
    text = {ColumnType.STRING, ColumnType.CATEGORY}
    return (
        held is kind or {held, kind} == text or (held, kind) == (ColumnType.INT, ColumnType.FLOAT)
    )
