"""From pooled cases to a matrix of numbers and category codes, without looking at the label."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.detect._model._cases import Cases
from homeostat.stats import Floats

__all__ = ["Matrix", "matrix_of", "one_hot", "scaled"]

_LEVELS = 254
_LARGEST = 1e100  # its square is still a number
_HOT = 40
_CLIP = 6.0  # robust deviations: one value of 1e8 moves nothing but its own row


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Rows of the reference and the window together, (n, d), as numbers.

    All that is learned to make it (levels, centres, scales) is learned from both samples
    together and without knowing which row is whose: were the two alike, any row might as well
    have been the other's, and tests on the matrix stay exact.

    Args:
        values: Numbers; null and NaN are NaN, infinities +-1e100, categories codes.
        names: Of the columns; `x0`, `x1`, ... for an array.
        levels: What the codes 0, 1, ... of a category column stand for, by position.
        shape: Of one row as it was given.
    """

    values: Floats
    names: tuple[str, ...]
    levels: dict[int, tuple[str, ...]] = field(default_factory=dict)
    shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def frame(self) -> pl.DataFrame:
        """Return the matrix as a frame, categories as strings."""
        columns = {}
        for i, name in enumerate(self.names):
            if i in self.levels:
                words = np.array(self.levels[i], dtype=object)[self.values[:, i].astype(np.intp)]
                columns[name] = pl.Series(name, words.tolist(), pl.String)
            else:
                columns[name] = pl.Series(name, self.values[:, i])
        return pl.DataFrame(columns)

    def plain(self) -> tuple[Floats, NDArray[np.intp]]:
        """Return finite numbers for a linear model, (n, p), and whose column each is, (p,).

        Numbers are centred and scaled by robust spread and cut at 6 of it, missing ones become 0
        beside a column that marks them; each of the 40 most frequent levels of a category has
        a column, and all others share one.
        """
        numbers = np.array([i for i in range(len(self.names)) if i not in self.levels], np.intp)
        x = self.values[:, numbers]
        gone = np.isnan(x)
        some = gone.any(axis=0)
        parts, owners = [scaled(x), gone[:, some].astype(np.float64)], [numbers, numbers[some]]
        for i in self.levels:
            parts.append(one_hot(np.minimum(self.values[:, i], _HOT).astype(np.intp)))
            owners.append(np.full(parts[-1].shape[1], i, np.intp))
        return np.column_stack(parts), np.concatenate(owners)


def one_hot(code: NDArray[np.intp]) -> Floats:
    """Return a column of 0 and 1 for each code, (n, codes)."""
    return np.eye(int(code.max(initial=0)) + 1)[code]


def scaled(x: Floats) -> Floats:
    """Standardise columns by what lies between their outer hundredths."""
    if not len(x) or not x.shape[1]:
        return x
    known = np.where(np.isnan(x).all(axis=0), 0.0, x)
    low, high = np.nanquantile(known, [0.01, 0.99], axis=0)
    flat = low == high  # nearly constant: what departs from it still counts
    inner = np.clip(known, low, high)
    centre = np.nanmean(inner, axis=0)
    spread = np.where(flat, 1.0, np.nanstd(inner, axis=0))
    z = np.clip((known - centre) / np.maximum(spread, 1e-100), -_CLIP, _CLIP)
    return np.where(np.isnan(z), 0.0, z)


def matrix_of(cases: Cases) -> Matrix:
    """Make the matrix of pooled cases; texts must have been reduced to numbers before."""
    if isinstance(cases, pl.DataFrame):
        levels: dict[int, tuple[str, ...]] = {}
        columns = []
        for i, series in enumerate(cases):
            if series.dtype.is_numeric() or series.dtype in {pl.Boolean, pl.Null}:
                columns.append(series.cast(pl.Float64).to_numpy())
            else:
                codes, levels[i] = _codes(series.cast(pl.String))
                columns.append(codes)
        values = np.column_stack(columns) if columns else np.empty((cases.height, 0))
        return Matrix(_finite(values), tuple(cases.columns), levels, (len(columns),))
    array = np.asarray(cases, dtype=np.float64)
    width = int(np.prod(array.shape[1:], dtype=np.int64))
    names = tuple(f"x{i}" for i in range(width))
    return Matrix(_finite(array.reshape(len(array), width)), names, {}, array.shape[1:])


def _codes(series: pl.Series) -> tuple[Floats, tuple[str, ...]]:
    """Return codes of the most frequent levels, one for all others and one for null."""
    filled = series.fill_null("(null)")
    counts = filled.value_counts(sort=False).sort("count", filled.name, descending=[True, False])
    names = counts[filled.name].head(_LEVELS).to_list()
    crowded = counts.height > _LEVELS
    code = {name: float(i) for i, name in enumerate(names)}
    codes = filled.replace_strict(code, default=float(len(names)), return_dtype=pl.Float64)
    return codes.to_numpy(), (*names, "(other)") if crowded else tuple(names)


def _finite(values: NDArray[np.float64]) -> Floats:
    return np.clip(values, -_LARGEST, _LARGEST)
