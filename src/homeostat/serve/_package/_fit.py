"""Fit: whether a whole batch surely keeps the rules of a request, told in a few vector steps.

A batch is held to what each of its rows would be held to alone. Row by row that is slow, so what
surely fits is let through at once; only where this cannot be said are rows looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
import polars as pl

from homeostat.core import Column, ColumnType, Schema, Verdict
from homeostat.expect import check

__all__ = ["Fit"]

_TEXT = (pl.String, pl.Categorical, pl.Enum)
_HOLDS: Mapping[str, Callable[[pl.DataType], bool]] = {
    ColumnType.BOOL: lambda dtype: dtype == pl.Boolean,
    ColumnType.INT: lambda dtype: dtype.is_signed_integer(),
    ColumnType.FLOAT: lambda dtype: dtype.is_float() or dtype.is_signed_integer(),
    ColumnType.STRING: lambda dtype: isinstance(dtype, _TEXT),
    ColumnType.CATEGORY: lambda dtype: isinstance(dtype, _TEXT),
    ColumnType.DATE: lambda dtype: dtype == pl.Date,
    ColumnType.DATETIME: lambda dtype: isinstance(dtype, pl.Datetime) and bool(dtype.time_zone),
}


@dataclass(frozen=True, slots=True)
class Fit:
    """The rules of a schema, for whole batches.

    Args:
        schema: Of the features.
    """

    schema: Schema
    _expected: Schema | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        named = {one.column for one in self.schema.expectations}
        columns = (
            self.schema.names if None in named else [n for n in self.schema.names if n in named]
        )
        expected = self.schema.select(columns) if named else None
        object.__setattr__(self, "_expected", expected)

    def surely(self, frame: pl.DataFrame) -> bool:
        """Say whether each row surely keeps the rules; False where it would take a closer look."""
        return (
            set(frame.columns) == set(self.schema.names)
            and all(_keeps(frame.get_column(one.name), one) for one in self.schema.columns)
            and self._as_expected(frame)
        )

    def _as_expected(self, frame: pl.DataFrame) -> bool:
        """Hold the columns that expectations are about to them."""
        if self._expected is None:
            return True
        found = check(frame.select(self._expected.names), self._expected)
        return all(one.verdict is not Verdict.FAIL for one in found)


def _keeps(values: pl.Series, column: Column) -> bool:
    """Say whether a column's values have its type, are finite, and are among its categories."""
    if not _HOLDS[column.type](values.dtype) or (values.null_count() and not column.nullable):
        return False
    if values.dtype.is_float():
        if isfinite(values.sum()):  # what is not would have made the sum so
            return True
        known = values.drop_nulls() if values.null_count() else values
        return bool(np.isfinite(known.to_numpy()).all())
    if column.categories is None:
        return True
    return {None, *column.categories}.issuperset(values.unique().to_list())
