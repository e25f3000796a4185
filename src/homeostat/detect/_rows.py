"""Rows: what a detector of numbers is given, complete rows apart from those left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from homeostat.core import InputError, SchemaError

__all__ = ["Data", "Rows", "frame_of", "missing_p"]

Data = ArrayLike | pl.Series | pl.DataFrame | pl.LazyFrame
"""What a detector takes: an array (n,), (n, d) or (n, ...), a series, or a frame of any kind."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The complete rows of a sample as numbers, and how many rows were left out and why.

    A row with a null, a NaN or an infinite number is left out of `values` and counted here: it
    enters no distance, and that it is missing is judged by itself (:func:`missing_p`).

    Args:
        values: float64, (m, d); images and series are flattened.
        given: Rows given, complete or not.
        nulls: Rows with a null or a NaN.
        infs: Rows with an infinite number and no null.
        names: Of the d columns; `x0`, `x1`, ... for an array.
        shape: Of one row as it was given, such as (8, 8) of an image.

    Example:
        >>> rows = Rows.of([[1.0, 2.0], [float("nan"), 3.0], [float("inf"), 1.0]])
        >>> rows.values, rows.given, rows.nulls, rows.infs
        (array([[1., 2.]]), 3, 1, 1)
    """

    values: NDArray[np.float64]
    given: int
    nulls: int
    infs: int
    names: tuple[str, ...]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, data: Data, *, what: str = "The sample", like: Self | None = None) -> Self:
        """Read a sample.

        Args:
            data: Numbers, one row a case. Times are in microseconds, truth values 0 and 1.
            what: What it is in messages, such as "The window".
            like: The reference it is compared with: rows must have its shape; a frame's columns
                are taken by name, and those that the reference lacks are not looked at.

        Raises:
            SchemaError: If a column is text or otherwise no number, is missing, or the shape of
                a row is not the reference's.
            InputError: If it is no array, series or frame.
        """
        table, names, shape = _numbers(data, what, None if like is None else like.names)
        if like is not None and shape != like.shape:
            raise SchemaError(
                f"{what} must have rows like the reference's, of shape {like.shape}, got {shape}."
            )
        null = np.isnan(table).any(axis=1)
        infinite = np.isinf(table).any(axis=1) & ~null
        complete = ~(null | infinite)
        kept = table if complete.all() else table[complete]
        return cls(kept, len(table), int(null.sum()), int(infinite.sum()), names, shape)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def left_out(self) -> int:
        """Rows that were given and are not complete."""
        return self.given - len(self.values)


def missing_p(missing: int, given: int, base_missing: int, base_given: int) -> float:
    """Return how likely shares of incomplete rows this different are by chance (Fisher, exact).

    Example:
        >>> missing_p(0, 100, 0, 900), missing_p(30, 100, 0, 900) < 1e-9
        (1.0, True)
    """
    table = np.array(
        [[missing, given - missing], [base_missing, base_given - base_missing]], np.int64
    )
    if missing + base_missing == 0 or min(given, base_given) == 0:
        return 1.0
    return min(1.0, float(stats.fisher_exact(table).pvalue))


def frame_of(data: object, *, what: str = "The sample") -> pl.DataFrame:
    """Return a frame of any kind as a Polars frame.

    Raises:
        SchemaError: If its columns cannot be read, as where names repeat.
        InputError: If it is no frame.
    """
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if not hasattr(data, "__arrow_c_stream__"):
        raise InputError(
            f"{what} must be a frame (Polars, or with the Arrow PyCapsule interface), got "
            f"{type(data).__name__}."
        )
    try:
        return pl.DataFrame(cast("pl.DataFrame", data))
    except Exception as error:
        raise SchemaError(f"{what} cannot be read as columns: {error}") from error


def _numbers(
    data: Data, what: str, wanted: tuple[str, ...] | None
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[int, ...]]:
    if isinstance(data, pl.Series):
        return _column(data, what)[:, None], (data.name,), ()
    if not isinstance(data, np.ndarray) and hasattr(data, "__arrow_c_stream__"):
        return _table(frame_of(data, what=what), what, wanted)
    if isinstance(data, pl.LazyFrame):
        return _table(data.collect(), what, wanted)
    array = _array(data, what)
    flat = array.reshape(len(array), -1) if array.size else np.empty((len(array), _width(array)))
    return flat, tuple(f"x{i}" for i in range(flat.shape[1])), array.shape[1:]


def _width(array: NDArray[Any]) -> int:
    return int(np.prod(array.shape[1:], dtype=np.int64))


def _array(data: object, what: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(data)
        if array.dtype == object or array.dtype.kind not in "biuf":
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise SchemaError(
            f"{what} must be numbers, one row a case: {error}. Reduce text and objects to numbers "
            "first (`reduce=`), or compare categories with `ChiSquared` or `Tabular`."
        ) from error
    if array.ndim == 0:
        raise InputError(f"{what} must have rows, got the single value {data!r}.")
    return array.astype(np.float64, copy=False)


def _table(
    frame: pl.DataFrame, what: str, wanted: tuple[str, ...] | None
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[int, ...]]:
    names = tuple(frame.columns) if wanted is None else wanted
    if gone := [name for name in names if name not in frame.columns]:
        raise SchemaError(
            f"{what} has no column `{gone[0]}`, which the reference has; it has: "
            f"{', '.join(frame.columns[:20]) or 'none'}."
        )
    columns = [_column(frame[name], f"{what}'s column `{name}`") for name in names]
    table = np.column_stack(columns) if columns else np.empty((frame.height, 0))
    return table, names, (len(names),)


def _column(series: pl.Series, what: str) -> NDArray[np.float64]:
    if series.dtype.is_temporal():
        return _times(series)
    if not (series.dtype.is_numeric() or series.dtype in {pl.Boolean, pl.Null}):
        raise SchemaError(
            f"{what} must be numbers, got {series.dtype}: reduce text to numbers first "
            "(`reduce=`), or compare categories with `ChiSquared` or `Tabular`."
        )
    return series.cast(pl.Float64).to_numpy()


def _times(series: pl.Series) -> NDArray[np.float64]:
    if series.dtype == pl.Date:
        series = series.cast(pl.Datetime("us"))
    if isinstance(series.dtype, pl.Datetime):
        return series.dt.epoch("us").cast(pl.Float64).to_numpy()
    return (series.cast(pl.Int64).cast(pl.Float64) / 1000).to_numpy()
