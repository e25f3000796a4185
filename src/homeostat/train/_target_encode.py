"""Target encoding: a category becomes the mean label of the training rows that have it.

A training row is encoded by the other folds' rows alone, else its own label would be in its
feature. Means are shrunk to the overall mean (Micci-Barreca 2001, with the m-estimate).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, SchemaError
from homeostat.core._row_ids import mix
from homeostat.train._statistics import Learned, settle

__all__ = ["TargetEncode"]


@dataclass(frozen=True, slots=True)
class TargetEncode:
    """Put the shrunken mean of the label in place of each category.

    A category that training has not seen, and null if it has none, get the overall mean.

    Args:
        columns: Of categories.
        label: Column of numbers; rows where it is null teach nothing.
        folds: A training row's mean leaves out the rows of its own fold.
        smoothing: Rows at the overall mean that each category is mixed with.
        seed: Of the folds, which depend on who a row is, not on its place; copies of a row and
            what was made of it are in its fold.
    """

    columns: tuple[str, ...]
    label: str
    folds: int = 5
    smoothing: float = 10.0
    seed: int = 0
    kind: ClassVar[str] = "target_encode"

    def __post_init__(self) -> None:
        settle(self)
        if self.folds < 2 or self.smoothing < 0:
            raise InputError(
                f"Two folds or more and no negative smoothing, got {self.folds}, {self.smoothing}."
            )

    def learn(self, frame: pl.DataFrame) -> Learned:
        """Take the mean of each category over all training rows."""
        label = self._label(frame)
        known = frame.filter(pl.Series(~np.isnan(label)))
        overall = float(np.nanmean(label)) if known.height else 0.0
        learned: dict[str, object] = {"": overall}
        for name in self.columns:
            sums = known.group_by(pl.col(name).cast(pl.String).alias("value")).agg(
                rows=pl.len(), total=pl.col(self.label).cast(pl.Float64).sum()
            )
            rows, total = sums["rows"].to_numpy(), sums["total"].to_numpy()
            mean = self._shrunk(total, rows, overall)
            order = sums["value"].arg_sort()
            learned[name] = {
                "values": sums["value"][order].to_list(),
                "means": mean[order.to_numpy()].tolist(),
            }
        return learned

    def apply(self, frame: pl.DataFrame, learned: Learned) -> pl.DataFrame:
        """Write the means of all training rows: for rows that were not among them."""
        coded = []
        for name in self.columns:
            table = learned[name]
            if not isinstance(table, Mapping):
                raise InputError(f"Nothing was learned of `{name}`.")
            coded.append(
                pl.col(name)
                .cast(pl.String)
                .replace_strict(
                    pl.Series(table["values"], dtype=pl.String),
                    pl.Series(table["means"], dtype=pl.Float64),
                    default=pl.lit(learned[""], pl.Float64),
                    return_dtype=pl.Float64,
                )
            )
        return frame.with_columns(coded)

    def out_of_fold(self, frame: pl.DataFrame, ids: NDArray[np.uint64]) -> pl.DataFrame:
        """Encode training rows, each by the rows of the other folds.

        Args:
            frame: The training rows.
            ids: Of each row, or of the first row that it was made of, shape (n,).
        """
        fold = (mix(ids ^ mix(np.array([self.seed], np.uint64))) % np.uint64(self.folds)).astype(
            np.int64
        )
        label = self._label(frame)
        known, value = ~np.isnan(label), np.nan_to_num(label)
        rows, total = (
            np.bincount(fold, weight, minlength=self.folds) for weight in (known * 1.0, value)
        )
        rest = np.maximum(rows.sum() - rows, 1)
        overall = ((total.sum() - total) / rest)[fold]
        return frame.with_columns(
            pl.Series(name, self._others(frame[name], fold, known * 1.0, value, overall))
            for name in self.columns
        )

    def _others(
        self,
        column: pl.Series,
        fold: NDArray[np.int64],
        known: NDArray[np.float64],
        value: NDArray[np.float64],
        overall: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        code = column.cast(pl.String).rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        k, cell = int(code.max(initial=0)) + 1, code * self.folds + fold
        rows, total = (
            np.bincount(cell, weight, minlength=k * self.folds).reshape(k, self.folds)
            for weight in (known, value)
        )
        rows, total = (one.sum(axis=1, keepdims=True) - one for one in (rows, total))
        return self._shrunk(total.ravel()[cell], rows.ravel()[cell], overall)

    def _shrunk(
        self,
        total: NDArray[np.float64],
        rows: NDArray[np.float64],
        overall: float | NDArray[np.float64],
    ) -> NDArray[np.float64]:
        weight = rows + self.smoothing
        mean = (total + self.smoothing * overall) / np.where(weight > 0, weight, 1.0)
        return np.asarray(np.where(weight > 0, mean, overall), np.float64)

    def _label(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        column = frame[self.label]
        if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
            raise SchemaError(f"The label must hold numbers, `{self.label}` holds {column.dtype}.")
        return column.cast(pl.Float64).to_numpy().copy()
