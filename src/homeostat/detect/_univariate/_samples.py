"""One column of a sample: its numbers in order, or its categories counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, SchemaError
from homeostat.detect._rows import Data, frame_of

__all__ = ["Levels", "Numbers", "aligned", "columns_of", "family_of", "is_text"]

_TEXT = (pl.String, pl.Categorical, pl.Enum)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The finite numbers of a column in rising order, and what was left out.

    Args:
        values: float64, sorted.
        given: Rows given.
        nulls: Null or NaN.
        infs: Infinite.
        distinct: Number of distinct values.
    """

    values: NDArray[np.float64]
    given: int
    nulls: int
    infs: int
    distinct: int

    @classmethod
    def of(cls, column: pl.Series) -> Self:
        """Sort a column; O(n log n)."""
        numbers = _as_floats(column)
        ordered = np.sort(numbers)  # NaN goes last, infinities to the ends
        low = int(np.searchsorted(ordered, -np.inf, side="right"))
        high, real = (int(np.searchsorted(ordered, end)) for end in (np.inf, np.nan))
        kept = ordered[low:high]
        distinct = int(np.count_nonzero(kept[1:] != kept[:-1])) + 1 if len(kept) else 0
        return cls(kept, len(column), len(column) - real, low + real - high, distinct)

    def __len__(self) -> int:
        return len(self.values)

    def quantiles(self) -> NDArray[np.float64]:
        """Return the 5, 25, 50, 75 and 95 % points."""
        return np.quantile(self.values, _QUANTILES)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The categories of a column with their counts, and what was left out.

    Args:
        counts: A frame of `level` (text) and `n` (int64).
        total: Rows with a category.
        given: Rows given.
        nulls: Null or NaN.
    """

    counts: pl.DataFrame
    total: int
    given: int
    nulls: int

    @property
    def infs(self) -> int:
        """Always 0: an infinite number is a category like others."""
        return 0

    @classmethod
    def of(cls, column: pl.Series) -> Self:
        """Count a column's categories."""
        labels = _as_labels(column).drop_nulls().alias("level")
        counts = labels.value_counts(name="n").with_columns(pl.col("n").cast(pl.Int64))
        return cls(counts, len(labels), len(column), len(column) - len(labels))

    def __len__(self) -> int:
        return self.total


def aligned(reference: Levels, window: Levels) -> tuple[NDArray[Any], NDArray[Any], list[str]]:
    """Return counts of reference and window in the same cells, int64 (k,), and the cells' names."""
    both = reference.counts.join(
        window.counts, on="level", how="full", coalesce=True, suffix="_window"
    ).fill_null(0)
    both = both.sort("n", "n_window", "level", descending=[True, True, False])
    return both["n"].to_numpy(), both["n_window"].to_numpy(), both["level"].to_list()


def columns_of(data: Data, *, what: str = "The sample") -> Mapping[str, pl.Series]:
    """Return a sample's columns by name; an array's are `x0`, `x1`, ..., images are flattened.

    Raises:
        SchemaError: If an array mixes types or column names repeat.
        InputError: If it is no array, series or frame.
    """
    if isinstance(data, pl.Series):
        return {data.name or "x0": data}
    if isinstance(data, pl.LazyFrame) or (
        not isinstance(data, np.ndarray) and hasattr(data, "__arrow_c_stream__")
    ):
        frame = frame_of(data, what=what)
        return {series.name: series for series in frame.get_columns()}
    array = np.asarray(data)
    if array.ndim == 0:
        raise InputError(f"{what} must have rows, got the single value {data!r}.")
    width = int(np.prod(array.shape[1:], dtype=np.int64))
    flat = np.ascontiguousarray(array.reshape(len(array), width).T)
    return {f"x{i}": _series(f"x{i}", flat[i], what) for i in range(width)}


def is_text(column: pl.Series) -> bool:
    """Whether a column holds categories by its type: text or truth values."""
    return column.dtype in _TEXT or column.dtype == pl.Boolean


def family_of(column: pl.Series) -> str:
    """Name the kind of a column: types of one kind may be compared."""
    dtype = column.dtype
    if dtype == pl.Null:
        return "null"
    if dtype.is_numeric() or dtype == pl.Boolean:
        return "number"
    if dtype in _TEXT:
        return "text"
    if dtype.is_temporal():
        return "time" if dtype in {pl.Date, pl.Datetime} else str(dtype.base_type()).lower()
    return "other value"


def _series(name: str, values: NDArray[Any], what: str) -> pl.Series:
    try:
        if values.dtype.kind in "biuf":
            return pl.Series(name, values)
        return pl.Series(name, values.tolist(), strict=True)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise SchemaError(
            f"{what} must hold numbers or text, one type a column: {error}."
        ) from error


def _as_floats(column: pl.Series) -> NDArray[np.float64]:
    dtype = column.dtype
    if dtype.is_temporal():
        column = _microseconds(column)
    elif not (dtype.is_numeric() or dtype in {pl.Boolean, pl.Null}):
        raise SchemaError(
            f"Column `{column.name}` must be numbers, got {dtype}: compare categories with "
            "`ChiSquared` or `Tabular`."
        )
    return column.cast(pl.Float64).to_numpy()


def _microseconds(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Time:
        return column.cast(pl.Int64) / 1000
    if column.dtype == pl.Duration:
        return column.cast(pl.Duration("us")).cast(pl.Int64)
    zone = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
    return column.cast(pl.Datetime("us", zone)).cast(pl.Int64)


def _as_labels(column: pl.Series) -> pl.Series:
    """Write categories as text; whole numbers alike whether they came as int, float or bool."""
    if column.dtype in _TEXT:
        return column.cast(pl.String)
    if column.dtype == pl.Boolean:
        return column.cast(pl.Int8).cast(pl.String)
    if column.dtype.is_float():
        column = column.fill_nan(None)
        whole = column.drop_nulls()
        if ((whole == whole.round()) & (whole.abs() < 2**53)).all():
            column = column.cast(pl.Int64)
    if column.dtype.is_nested() or column.dtype in {pl.Object, pl.Binary}:
        raise SchemaError(
            f"Column `{column.name}` must be categories, got {column.dtype}: text, whole numbers "
            "or truth values can be counted."
        )
    return column.cast(pl.String)
