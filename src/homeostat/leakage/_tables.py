"""Target-mean tables: how well one column, or two, tell the label on rows not used to make them.

Values are put in bins cut on one half of the rows, each bin gets a shrunken log-odds of the
label there, and the other half is scored with it. A null is a value like any other. Counting
is all it takes, so hundreds of pairs cost about a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.stats import auc

__all__ = ["Halves", "Table", "clock_minutes", "column_codes", "cut"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_SHRINK = 20.0  # rows at the expected rate that each bin is mixed with


@dataclass(frozen=True, slots=True)
class Halves:
    """Labels of the rows that tables are made on, and of those they are judged on.

    Args:
        label: 0 or 1, shape (n,), rows of the first half before those of the second.
        cut: How many rows are in the first half.
    """

    label: Floats
    cut: int

    @property
    def base(self) -> float:
        """Log-odds of the label in the first half."""
        return float(_logit(self.label[: self.cut].mean(keepdims=True))[0])

    def auc(self, score: Floats) -> float:
        """Return the AUC of a score, shape (n,), on the second half."""
        return auc(self.label[self.cut :], score[self.cut :]) or 0.5


@dataclass(frozen=True, slots=True)
class Table:
    """What a column, or two, say about the label: one log-odds a cell, less the base's.

    Args:
        codes: Cell of each row, shape (n,).
        weight: What each cell adds to the log-odds, shape (k,).
        auc: On the second half.
    """

    codes: Codes
    weight: Floats
    auc: float

    @property
    def score(self) -> Floats:
        """What each row's cell adds to the log-odds, shape (n,)."""
        return self.weight[self.codes]

    @classmethod
    def make(cls, codes: Codes, halves: Halves, prior: Floats | None = None) -> Self:
        """Count the first half, judge on the second.

        Args:
            codes: Cell of each row, shape (n,).
            halves: The labels.
            prior: What each cell is expected to add, shape (k,); None expects nothing.
        """
        k = int(codes.max(initial=0)) + 1 if prior is None else prior.size
        made, label = codes[: halves.cut], halves.label[: halves.cut]
        rows, ones = np.bincount(made, minlength=k), np.bincount(made, label, minlength=k)
        expected = halves.base + (0.0 if prior is None else prior)
        share = (ones + _SHRINK / (1 + np.exp(-expected))) / (rows + _SHRINK)
        weight = _logit(share) - halves.base
        judged, truth = codes[halves.cut :], halves.label[halves.cut :]
        ones = np.bincount(judged, truth, minlength=k)
        zeros = np.bincount(judged, minlength=k) - ones
        cells = np.concatenate([np.ones(k), np.zeros(k)])
        area = auc(cells, np.tile(weight, 2), np.concatenate([ones, zeros]))
        return cls(codes, weight, 0.5 if area is None else area)

    def crossed(self, other: Table, halves: Halves) -> Table:
        """Make the table of both columns together; cells with few rows add what each does."""
        prior = self.weight[:, None] + other.weight[None, :]
        return Table.make(self.codes * other.weight.size + other.codes, halves, prior.ravel())


def column_codes(column: pl.Series, cut_at: int, *, bins: int) -> Codes:
    """Put a column's values in at most ``bins`` bins, cut on its first rows; null has its own."""
    if column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == pl.Boolean:
        return cut(column.to_physical().cast(pl.Float64).to_numpy(), cut_at, bins=bins)
    text = column.cast(pl.String).alias("value")
    common = text.head(cut_at).drop_nulls().value_counts(sort=True).head(bins - 1)
    levels = common["value"].to_list()
    number = dict(zip([*levels, None], range(len(levels) + 1), strict=True))
    coded = text.replace_strict(number, default=len(levels) + 1, return_dtype=pl.Int64)
    return coded.to_numpy()


def cut(values: Floats, cut_at: int, *, bins: int) -> Codes:
    """Put numbers in bins of about equal counts in the first rows; NaN has its own."""
    nan = np.isnan(values)
    seen = values[:cut_at][~nan[:cut_at]]
    if not seen.size:
        return nan.astype(np.int64)
    edges = np.unique(np.quantile(seen, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    codes: Codes = np.searchsorted(edges, values, side="right")
    codes[nan] = edges.size + 1
    return codes


def clock_minutes(values: Floats) -> Floats | None:
    """Return times of day written as 930 for half past nine in minutes; None if they are not."""
    held = values[np.isfinite(values)]
    is_clock = (
        held.size
        and held.min() >= 0
        and 1300 < held.max() <= 2400
        and (held == np.floor(held)).all()
        and (held % 100 < 60).all()
    )
    return values // 100 * 60 + values % 100 if is_clock else None


def _logit(share: Floats) -> Floats:
    odds: Floats = np.log(share / (1 - share))
    return odds
