"""How columns go together: linear, by rank, between categories, and in what they lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse, stats

from homeostat.data._profile_series import normalise

__all__ = ["Associations", "Pair", "associations"]

_LEVELS = 256  # of a category that are told apart; the rarest share one
_LEAST = 10  # rows with both values

_Floats = NDArray[np.float64]
_Codes = NDArray[np.int64]


class Pair(NamedTuple):
    """Two columns that go together: how strongly, in [-1, 1] where signed, and by which measure."""

    one: str
    other: str
    strength: float
    measure: str


@dataclass(frozen=True, slots=True, eq=False)
class Associations:
    """How strongly each two columns go together.

    Args:
        names: The columns, those of numbers and times first.
        numbers: How many of them are numbers or times.
        strength: Symmetric, in [0, 1]; NaN where fewer than ten rows have both, or one is
            constant. Numbers: the greater of the absolute Pearson and Spearman correlations.
            Categories: Cramer's V, corrected for chance (Bergsma 2013). One of each: the
            correlation ratio, likewise (Kelley 1935).
        pearson: Of the numbers, in [-1, 1].
        spearman: Of the numbers, by ranks within each column.
        lacking: Columns that lack some values and have some.
        together: Correlation of what they lack, in [-1, 1].
        rows: How many rows were looked at.
        left_out: Columns that were not looked at because there are too many.
    """

    names: tuple[str, ...]
    numbers: int
    strength: _Floats
    pearson: _Floats
    spearman: _Floats
    lacking: tuple[str, ...]
    together: _Floats
    rows: int
    left_out: int = 0

    def pairs(self, least: float = 0.5) -> list[Pair]:
        """Return the pairs at least so strong, strongest first."""
        rows, columns = np.triu_indices(len(self.names), 1)
        found = self.strength[rows, columns]
        order = [i for i in np.argsort(-found, kind="stable") if found[i] >= least]
        return [self._pair(int(rows[i]), int(columns[i])) for i in order]

    def missing_pairs(self, least: float = 0.5) -> list[Pair]:
        """Return the pairs of columns whose missing values go together, strongest first."""
        rows, columns = np.triu_indices(len(self.lacking), 1)
        found = self.together[rows, columns]
        order = [i for i in np.argsort(-np.abs(found), kind="stable") if abs(found[i]) >= least]
        names = self.lacking
        return [
            Pair(names[rows[i]], names[columns[i]], float(found[i]), "missing together")
            for i in order
        ]

    def of(self, name: str, least: float = 0.1, most: int = 5) -> list[Pair]:
        """Return what one column goes together with, strongest first."""
        if name not in self.names:
            return []
        i = self.names.index(name)
        found = np.where(np.isnan(self.strength[i]), -1.0, self.strength[i])
        found[i] = -1.0
        order = [j for j in np.argsort(-found, kind="stable")[:most] if found[j] >= least]
        return [self._pair(i, int(j)) for j in order]

    def _pair(self, i: int, j: int) -> Pair:
        one, other = self.names[i], self.names[j]
        if max(i, j) >= self.numbers:
            mixed = min(i, j) < self.numbers
            measure = "correlation ratio" if mixed else "Cram\u00e9r's V"
            return Pair(one, other, float(self.strength[i, j]), measure)
        linear, ranked = self.pearson[i, j], self.spearman[i, j]
        if abs(linear) >= abs(ranked) - 0.005:
            return Pair(one, other, float(linear), "Pearson")
        return Pair(one, other, float(ranked), "Spearman")


def associations(rows: pl.DataFrame, *, most_columns: int = 200) -> Associations:
    """Measure how columns go together.

    Every pair is measured on the rows that have both. O(rows * columns^2) time, in matrix
    products for numbers.

    Args:
        rows: A frame, or a sample of one.
        most_columns: Columns beyond these are left out, and counted.

    Example:
        >>> frame = pl.DataFrame({"x": range(50), "y": [i * i for i in range(50)]})
        >>> associations(frame).pairs()
        [Pair(one='x', other='y', strength=1.0, measure='Spearman')]
    """
    numbers, texts = _told_apart(rows)
    left_out = max(0, len(numbers) + len(texts) - most_columns)
    texts = dict(list(texts.items())[: max(most_columns - len(numbers), most_columns // 4)])
    numbers = dict(list(numbers.items())[: most_columns - len(texts)])
    values = _matrix(list(numbers.values()), rows.height)
    pearson, spearman = _correlation(values), _correlation(_ranks(values))
    strength = np.full((len(numbers) + len(texts),) * 2, np.nan)
    both = np.fmax(np.abs(pearson), np.abs(spearman))
    strength[: len(numbers), : len(numbers)] = both
    codes = list(texts.values())
    for i, one in enumerate(codes):
        at = len(numbers) + i
        strength[at, : len(numbers)] = strength[: len(numbers), at] = _ratios(one, values)
        for j, other in enumerate(codes[:i]):
            strength[at, len(numbers) + j] = strength[len(numbers) + j, at] = _cramer(one, other)
        strength[at, at] = 1.0
    lacking, together = _together(rows)
    return Associations(
        (*numbers, *texts), len(numbers), strength, pearson, spearman, lacking, together,
        rows.height, left_out,
    )  # fmt: skip


def _told_apart(rows: pl.DataFrame) -> tuple[dict[str, _Floats], dict[str, _Codes]]:
    """Return the numbers as floats, and the categories as codes (-1: missing)."""
    numbers: dict[str, _Floats] = {}
    texts: dict[str, _Codes] = {}
    for column in rows.get_columns():
        series, type_ = normalise(column)
        if type_ == "string":
            codes = _codes(series)
            if codes is not None:
                texts[column.name] = codes
        elif type_ not in {"other", "null"}:
            found = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            numbers[column.name] = np.where(np.isfinite(found), found, np.nan)
    return numbers, texts


def _codes(series: pl.Series) -> _Codes | None:
    """Number the levels of a category by falling frequency; None where nearly all differ."""
    counted = series.drop_nulls().alias("value").value_counts(name="n")
    if counted.height < 2 or 2 * counted.height > int(counted["n"].sum()):
        return None
    levels = counted.sort(["n", "value"], descending=[True, False])["value"]
    places = np.minimum(np.arange(len(levels)), _LEVELS - 1)
    coded = series.replace_strict(levels, pl.Series(places), default=-1, return_dtype=pl.Int64)
    return coded.to_numpy()


def _matrix(columns: Sequence[_Floats], height: int) -> _Floats:
    """Stack columns about their mean, scaled to unit spread so that no product overflows."""
    found = np.empty((height, len(columns)))
    for j, column in enumerate(columns):
        known = column[~np.isnan(column)]
        largest = np.abs(known).max(initial=0.0)
        scaled = column / largest if largest > 0 else column
        middle = scaled - np.nanmean(scaled) if len(known) else scaled
        spread = np.sqrt(np.nanmean(middle**2)) if len(known) else 0.0
        found[:, j] = middle / spread if spread > 1e-12 else np.where(np.isnan(column), np.nan, 0.0)
    return found


def _ranks(values: _Floats) -> _Floats:
    ranked = [stats.rankdata(column, nan_policy="omit") for column in values.T]
    return _matrix(ranked, len(values))


def _correlation(values: _Floats) -> _Floats:
    """Return Pearson correlations over the rows that have both."""
    known = ~np.isnan(values)
    x, m = np.where(known, values, 0.0), known.astype(np.float64)
    n, sums, squares = m.T @ m, x.T @ m, (x * x).T @ m
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = squares - sums**2 / n
        spread = np.where(spread > 1e-9 * n, spread, np.nan)
        found = (x.T @ x - sums * sums.T / n) / np.sqrt(spread * spread.T)
    return np.where(n >= _LEAST, np.clip(found, -1.0, 1.0), np.nan)


def _ratios(codes: _Codes, values: _Floats) -> _Floats:
    """Return the correlation ratio of a category with each number (epsilon, Kelley 1935)."""
    rows = np.flatnonzero(codes >= 0)
    held = sparse.csr_array((np.ones(len(rows)), (codes[rows], rows)), (_LEVELS, len(codes)))
    known = ~np.isnan(values)
    x = np.where(known, values, 0.0)
    sums, counts = held @ x, held @ known.astype(np.float64)
    n, groups = counts.sum(axis=0), (counts > 0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        all_ = sums.sum(axis=0) ** 2 / n
        between = np.nansum(np.where(counts > 0, sums**2 / counts, 0.0), axis=0) - all_
        whole = (x[rows] ** 2).sum(axis=0) - all_
        explained = 1 - (1 - between / whole) * (n - 1) / (n - groups)
        usable = (n >= _LEAST) & (n > groups) & (whole > 1e-9 * n)
    return np.where(usable, np.sqrt(np.clip(explained, 0.0, 1.0)), np.nan)


def _cramer(one: _Codes, other: _Codes) -> float:
    """Return Cramer's V of two categories, corrected for chance (Bergsma 2013)."""
    known = (one >= 0) & (other >= 0)
    n = int(known.sum())
    if n < _LEAST:
        return np.nan
    joint = np.bincount(one[known] * _LEVELS + other[known], minlength=_LEVELS**2)
    table = joint.reshape(_LEVELS, _LEVELS)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    r, c = table.shape
    if min(r, c) < 2:
        return np.nan
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    phi2 = float((table * (table / expected)).sum()) - 1
    phi2 = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return min(1.0, float(np.sqrt(phi2 / least))) if least > 0 else np.nan


def _together(rows: pl.DataFrame, most: int = 200) -> tuple[tuple[str, ...], _Floats]:
    """Return the columns that lack some values, and the correlation of what they lack."""
    masks: Mapping[str, pl.Series] = {
        column.name: column.is_null() | column.is_nan()
        if column.dtype.is_float()
        else column.is_null()
        for column in rows.get_columns()
    }
    some = {name: mask for name, mask in masks.items() if 0 < mask.sum() < rows.height}
    names = sorted(some, key=lambda name: -some[name].sum())[:most]
    held = np.array([some[name].fill_null(value=True).to_numpy() for name in names], np.float64)
    return tuple(names), _correlation(held.T if len(names) else np.empty((rows.height, 0)))
