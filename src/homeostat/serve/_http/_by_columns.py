"""Rows of JSON turned into columns, in a few passes over all of them instead of one a value.

The types of a column's values, as one set, say at once whether they are what the schema takes. What
is not surely so goes the way that says what is wrong with it, so both must agree
(`tests/serve/http/test_by_columns.py` holds them together).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["ByColumns"]

_NONE = type(None)
_NEAR = 64  # rows of twenty numbers that fit into the nearest memory
_KINDS: dict[pl.DataType, frozenset[type]] = {
    pl.Boolean(): frozenset({bool, _NONE}),
    pl.Int64(): frozenset({int, _NONE}),
    pl.Float64(): frozenset({float, int, _NONE}),
    pl.String(): frozenset({str, _NONE}),
}


class ByColumns:
    """Makes frames of rows, as read from JSON, that have the fields and types of a schema.

    Args:
        dtypes: By the names of its columns: Boolean, Int64, Float64 or String.
    """

    def __init__(self, dtypes: Mapping[str, pl.DataType]) -> None:
        names = tuple(dtypes)
        self._n = len(names)
        self._width = max(len(names), 2)  # of one name, no tuple would come
        self._values = itemgetter(*(names if len(names) > 1 else names * 2))
        self._columns = [(name, _KINDS[dtype], dtype) for name, dtype in dtypes.items()]
        self._is_numbers = set(dtypes.values()) == {pl.Float64()}

    def frame(self, rows: Sequence[Any]) -> pl.DataFrame | None:
        """Return rows as a frame with the schema's dtypes; None unless all surely fit.

        Whether nulls are allowed and rules are kept is not looked at.

        Args:
            rows: At least one, of whatever was sent.
        """
        if set(map(type, rows)) != {dict} or set(map(len, rows)) != {self._n}:
            return None
        try:
            if self._is_numbers and (matrix := self._matrix(rows)) is not None:
                return self._numbers(matrix)
            cells = list(chain.from_iterable(map(self._values, rows)))
            return pl.DataFrame(
                [_series(*self._columns[i], cells[i :: self._width]) for i in range(self._n)]
            )
        except (KeyError, TypeError, OverflowError, pl.exceptions.PolarsError):
            return None

    def _matrix(self, rows: Sequence[Any]) -> NDArray[np.float64] | None:
        """Return the numbers of rows (n, d); None where one is not written as a float.

        Few rows at a time, so that what is looked at twice is still near.
        """
        matrix = np.empty((len(rows), self._width))
        for start in range(0, len(rows), _NEAR):
            part = rows[start : start + _NEAR]
            cells = list(chain.from_iterable(map(self._values, part)))
            if set(map(type, cells)) != {float}:
                return None
            flat = np.fromiter(cells, np.float64, len(cells))
            matrix[start : start + _NEAR] = flat.reshape(-1, self._width)
        return matrix

    def _numbers(self, matrix: NDArray[np.float64]) -> pl.DataFrame:
        columns = np.ascontiguousarray(matrix.T)
        named = zip(self._columns, columns, strict=False)
        return pl.DataFrame([pl.Series(name, values) for (name, _, _), values in named])


def _series(name: str, wanted: frozenset[type], dtype: pl.DataType, values: list[Any]) -> pl.Series:
    kinds = set(map(type, values))
    if not kinds <= wanted:
        raise TypeError
    if dtype == pl.Float64:
        if _NONE not in kinds:
            return pl.Series(name, np.fromiter(values, np.float64, len(values)))
        if int in kinds:
            values = [None if value is None else float(value) for value in values]
    return pl.Series(name, values, dtype)
