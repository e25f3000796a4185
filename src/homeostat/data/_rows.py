"""Rows of Python values as a frame with the schema's dtypes, strictly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import polars as pl

from homeostat.core import Column, ColumnType, InputError, Schema, SchemaError, suggest
from homeostat.data._types import dtype_of

__all__ = ["batch_from_rows"]

_PYTHON: dict[ColumnType, tuple[type, ...]] = {
    ColumnType.BOOL: (bool,),
    ColumnType.INT: (int,),
    ColumnType.FLOAT: (int, float),
    ColumnType.STRING: (str,),
    ColumnType.CATEGORY: (str,),
    ColumnType.DATE: (date,),
    ColumnType.DATETIME: (datetime,),
}
_NOT: dict[ColumnType, tuple[type, ...]] = {
    ColumnType.INT: (bool,),
    ColumnType.FLOAT: (bool,),
    ColumnType.DATE: (datetime,),
}


def batch_from_rows(
    rows: Sequence[Mapping[str, object]],
    schema: Schema,
    *,
    columns: Iterable[str] | None = None,
) -> pl.DataFrame:
    """Put rows into a frame whose dtypes are the schema's; nothing is converted silently.

    Args:
        rows: Mappings from column to a Python value or None, such as `validate_requests`
            returns; further keys are ignored.
        schema: Names and types.
        columns: Which columns, in order; all by default.

    Raises:
        InputError: If a value is missing or not of its column's type, with the row and column.

    Example:
        >>> schema = Schema((Column("late", ColumnType.FLOAT),))
        >>> batch_from_rows([{"late": 3}, {"late": None}], schema)["late"].to_list()
        [3.0, None]
    """
    wanted = [schema.column(name) for name in (schema.names if columns is None else columns)]
    return pl.DataFrame([_series(column, rows) for column in wanted])


def _series(column: Column, rows: Sequence[Mapping[str, object]]) -> pl.Series:
    name, kind = column.name, column.type
    try:
        values = [row[name] for row in rows]
    except KeyError:
        at = next(number for number, row in enumerate(rows) if name not in row)
        hint = suggest(name, rows[at])
        raise SchemaError(f"Row {at} has no column `{name}`.{hint}") from None
    for held in set(map(type, values)) - {type(None)}:
        if not issubclass(held, _PYTHON[kind]) or issubclass(held, _NOT.get(kind, ())):
            at = next(number for number, value in enumerate(values) if type(value) is held)
            raise InputError(
                f"Column `{name}` must be {kind}, row {at} has {values[at]!r} of type "
                f"{held.__name__}."
            )
    if kind is ColumnType.DATETIME and any(v is not None and v.tzinfo is None for v in values):  # type: ignore[attr-defined]
        raise InputError(f"Column `{name}` is a time and each needs a time zone.")
    try:
        return pl.Series(
            name, _floats(values) if kind is ColumnType.FLOAT else values, dtype_of(kind)
        )
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise InputError(f"Column `{name}` has a value that {kind} cannot hold: {error}") from error


def _floats(values: Iterable[object]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]  # type: ignore[arg-type]
