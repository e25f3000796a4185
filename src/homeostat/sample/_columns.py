"""Columns of a frame as resampling sees them: measured, counted as categories, or carried along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.sample._batches import lacking
from homeostat.stats import Floats

__all__ = ["Measured", "measured"]

_WORDS = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What distances between rows are made of.

    Args:
        numeric: Names of columns of numbers.
        categorical: Names of columns of categories.
        carried: Names of columns that take no part; a synthetic row has its parent's.
        columns: The numbers by column, missing ones filled with the median, shapes (n,).
        weight: What a squared difference counts, shape (d,): 1 / variance.
        codes: The categories as codes from 0, null being one, shape (n, c).
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    carried: tuple[str, ...]
    columns: tuple[Floats, ...]
    weight: Floats
    codes: NDArray[np.int32]

    def numbers(self, rows: NDArray[np.intp] | None = None) -> Floats:
        """Return the numbers of some rows, or of all, shape (n, d)."""
        chosen = self.columns if rows is None else [column[rows] for column in self.columns]
        n = len(self.codes) if rows is None else len(rows)
        return np.column_stack(chosen) if self.columns else np.empty((n, 0))

    def scaled(self, rows: NDArray[np.intp] | None = None) -> Floats:
        """Return the numbers in the units of their standard deviations, shape (n, d)."""
        return self.numbers(rows) * np.sqrt(self.weight)


def measured(
    frame: pl.DataFrame,
    *,
    label: str,
    categorical: Sequence[str],
    carried: Sequence[str],
    scale: bool,
    missing: str,
) -> Measured:
    """Look at the columns of training rows.

    Args:
        frame: The rows.
        label: Name of the label, which takes no part in distances.
        categorical: Columns of numbers that are codes of categories.
        carried: Columns that take no part.
        scale: Whether columns of numbers are divided by their standard deviation.
        missing: ``"refuse"`` or ``"keep"``.

    Raises:
        InputError: If a column cannot be measured, or a number is missing or infinite.
    """
    lacking([*categorical, *carried], frame.columns)
    if missing not in {"refuse", "keep"}:
        raise InputError(f"`missing` is 'refuse' or 'keep', got {missing!r}.")
    numeric, words = [], []
    for name, dtype in frame.schema.items():
        if name == label or name in carried:
            continue
        if name in categorical or dtype in _WORDS:
            words.append(name)
        elif dtype.is_float() or dtype.is_integer():
            numeric.append(name)
        else:
            raise InputError(
                f"`{name}` is {dtype}: it has no distance and no value between two. Derive a "
                f"number from it, or name it in `carried` so that its parent's is kept."
            )
    if not numeric and not words:
        raise InputError("Distances need at least one column beside the label, got none.")
    columns = [_filled(frame[name], missing) for name in numeric]
    ones = [1.0] * len(columns)
    spread = np.array([column.std() for column in columns] if scale and frame.height else ones)
    codes = [_codes(frame[name]) for name in words]
    return Measured(
        numeric=tuple(numeric),
        categorical=tuple(words),
        carried=(label, *carried),
        columns=tuple(columns),
        weight=1 / np.where(spread > 0, spread, 1.0) ** 2,
        codes=np.column_stack(codes) if codes else np.empty((frame.height, 0), np.int32),
    )


def _codes(column: pl.Series) -> NDArray[np.int32]:
    first = 0 if column.null_count() else 1
    return (column.rank("dense").fill_null(0).to_numpy() - first).astype(np.int32)


def _filled(column: pl.Series, missing: str) -> Floats:
    """Return a column's numbers, gaps filled by the median."""
    x = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    if np.isfinite(x).all():
        return x
    if np.isinf(x).any():
        raise InputError(f"`{column.name}` holds infinite values: replace them first.")
    gaps = np.isnan(x)
    if missing == "refuse":
        raise InputError(
            f"`{column.name}` is missing in {int(gaps.sum()):,} of {len(x):,} training rows, and "
            "a missing number has no distance: impute it with statistics of the training rows, "
            "or pass missing='keep', which measures with the median and leaves the gap a gap."
        )
    return np.where(gaps, np.nanmedian(x) if not gaps.all() else 0.0, x)
