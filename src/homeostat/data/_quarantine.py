"""Quarantine: rows that cannot be read or do not fit are kept, each with where and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from homeostat.core import ColumnType, InputError, SchemaError, suggest
from homeostat.data._csv_types import kinds_for, read_as
from homeostat.data._types import dtype_of

__all__ = ["Dtype", "Held", "OnBadRows", "as_text", "declared", "hold", "refuse", "rejected_rows"]

OnBadRows = Literal["quarantine", "refuse"]
Dtype = pl.DataType | type[pl.DataType] | ColumnType | str

Rejection = tuple[int, str | None, str, str]
"""Line or row (the first is 1), column (None for the whole row), reason, raw text."""

_SCHEMA = {
    "file": pl.String(),
    "line": pl.Int64(),
    "column": pl.String(),
    "reason": pl.String(),
    "text": pl.String(),
}


def rejected_rows(rows: Sequence[Rejection] = (), *, file: str = "") -> pl.DataFrame:
    """Return rows that were put aside as a frame of file, line, column, reason and text."""
    return pl.DataFrame([(file, *row) for row in rows], schema=_SCHEMA, orient="row")


def refuse(rejected: pl.DataFrame) -> None:
    """Raise for the first of the rejected rows, if there is one."""
    if rejected.height:
        file, line, _, reason, _ = rejected.row(0)
        raise InputError(
            f"Line {line} of {file}: {reason}; {rejected.height:,} rows cannot be read. "
            'Mend the file or pass on_bad_rows="quarantine".'
        )


def declared(
    dtypes: Mapping[str, Dtype] | None, names: Sequence[str], where: str
) -> dict[str, pl.DataType]:
    """Return declared types as dtypes; refuse names and types that there are not."""
    known, given = set(names), {}
    for name, dtype in (dtypes or {}).items():
        if name not in known:
            raise SchemaError(
                f"`dtypes` names no column of {where}: `{name}`.{suggest(name, names)}"
            )
        given[name] = _dtype(name, dtype)
    return given


def _dtype(name: str, dtype: Dtype) -> pl.DataType:
    if not isinstance(dtype, str):
        return dtype if isinstance(dtype, pl.DataType) else dtype()
    try:
        return dtype_of(ColumnType(dtype))
    except ValueError as error:
        kinds = ", ".join(kind.value for kind in ColumnType)
        raise SchemaError(f"Column `{name}`: a type is one of {kinds}, got {dtype!r}.") from error


@dataclass(frozen=True, slots=True)
class Held:
    """A frame whose columns are of their declared types, and the rows that were not."""

    frame: pl.DataFrame
    rejected: pl.DataFrame


def hold(
    frame: pl.DataFrame,
    dtypes: Mapping[str, pl.DataType],
    *,
    file: str,
    lines: pl.Series | None = None,
    first: int = 1,
) -> Held:
    """Hold columns to declared types: a row with a value outside its type is put aside.

    A number fits a narrower type if nothing of it is lost; text fits what it can be read as.

    Args:
        frame: The rows.
        dtypes: Types by column.
        file: Where they are from, for the rows put aside.
        lines: Line of each row; by default they are numbered on from ``first``.
        first: Number of the first row.

    Example:
        >>> held = hold(pl.DataFrame({"a": [1.0, 1.5]}), {"a": pl.Int64()}, file="a.parquet")
        >>> held.frame.rows(), held.rejected.row(0)[1:4]
        ([(1,)], (2, 'a', 'column `a`: 1.5 is not a whole number'))
    """
    changed = {name: dtype for name, dtype in dtypes.items() if frame.schema[name] != dtype}
    if not changed or not frame.height:
        empty = [frame[name].cast(dtype) for name, dtype in changed.items()]
        return Held(frame.with_columns(empty), rejected_rows())
    columns: list[pl.Series] = []
    reasons: dict[int, tuple[str, str]] = {}
    for name, dtype in changed.items():
        column, failed, noun = _fit(frame[name], dtype)
        columns.append(column)
        for row in failed.arg_true():
            reasons.setdefault(row, (name, f"column `{name}`: {frame[name][row]!r} is not {noun}"))
    if not reasons:
        return Held(frame.with_columns(columns), rejected_rows())
    rows = sorted(reasons)
    numbers = [row + first for row in rows] if lines is None else lines.gather(rows).to_list()
    texts = as_text(frame[rows])
    rejected = rejected_rows(
        [(line, *reasons[row], text) for row, line, text in zip(rows, numbers, texts, strict=True)],
        file=file,
    )
    bad = pl.Series(rows, dtype=pl.UInt32)
    kept = ~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(bad.implode())
    return Held(frame.with_columns(columns).filter(kept), rejected)


def _fit(column: pl.Series, dtype: pl.DataType) -> tuple[pl.Series, pl.Series, str]:
    """Return the column in a dtype, which values do not fit, and what they are not."""
    kinds = kinds_for(dtype)
    if dtype.is_temporal() and column.dtype.is_numeric():
        raise SchemaError(
            f"Column `{column.name}` is {column.dtype} and cannot be read as {dtype}: what a "
            "number counts, and from when, must be said. Convert it in the query or a step."
        )
    if isinstance(column.dtype, pl.String) and not isinstance(dtype, (pl.Categorical, pl.Enum)):
        read = read_as(column, kinds)
        return read.values.cast(dtype, strict=False), read.failed, read.kind.noun
    try:
        values = column.cast(dtype, strict=False)
    except pl.exceptions.PolarsError as error:
        raise SchemaError(
            f"Column `{column.name}` is {column.dtype} and cannot be read as {dtype}: {error}."
        ) from error
    failed = values.is_null() & column.is_not_null()
    exact = dtype.is_integer() or isinstance(dtype, pl.Boolean)
    if exact and column.dtype.is_numeric():
        failed |= (values.cast(column.dtype) != column).fill_null(value=False)
    return values, failed, kinds[0].noun


def as_text(rows: pl.DataFrame) -> list[str]:
    """Return rows as JSON, the nearest to raw text that typed rows have."""
    if not rows.height:
        return []
    try:
        return rows.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return [repr(row) for row in rows.iter_rows(named=True)]
