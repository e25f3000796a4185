"""Confusion matrices as people write them down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.evaluate._metrics._inputs import class_codes, known_classes, rows_of
from homeostat.stats import Confusion, Floats

__all__ = ["ConfusionTable", "confusion_table"]


@dataclass(frozen=True, slots=True)
class ConfusionTable:
    """How often each class was decided where each was true: ``counts[actual][decided]``.

    Printed, columns are what is true and rows what was decided.

    Args:
        classes: In the order of rows and columns.
        counts: Weight of the rows, shape (k, k).
    """

    classes: tuple[Any, ...]
    counts: tuple[tuple[float, ...], ...]

    def array(self) -> Floats:
        """Return the counts, shape (k, k), actual by decided."""
        return np.array(self.counts, np.float64)

    def shares(self, *, of: str = "actual") -> Floats:
        """Return shares ``of`` each ``"actual"`` or ``"decided"`` class, or of ``"all"`` rows.

        A class without a row has shares of 0.
        """
        table = self.array()
        axes: dict[str, int | tuple[int, int]] = {"actual": 1, "decided": 0, "all": (0, 1)}
        if of not in axes:
            raise InputError(f"Shares are of {list(axes)}, got {of!r}.")
        total = table.sum(axis=axes[of], keepdims=True)
        shares: Floats = np.divide(table, total, out=np.zeros(table.shape), where=total > 0)
        return shares

    def positive(self, of: Any) -> Confusion:  # noqa: ANN401 -- a class is any value
        """Return the four counts with one class as the positive one and the rest as the other."""
        if of not in self.classes:
            raise InputError(f"There is no class {of!r}; there are {list(self.classes)}.")
        table, at = self.array(), self.classes.index(of)
        tp, actual, decided = table[at, at], table[at].sum(), table[:, at].sum()
        rest = table.sum() - actual - decided + tp
        return Confusion(*(float(v) for v in (tp, decided - tp, actual - tp, rest)))

    def mistakes(self, most: int = 10) -> pl.DataFrame:
        """Return the most frequent mistakes: actual, decided, rows, share of the actual class."""
        return (
            self.frame()
            .filter(pl.col("actual") != pl.col("decided"), pl.col("rows") > 0)
            .sort("rows", descending=True)
            .head(most)
        )

    def frame(self) -> pl.DataFrame:
        """Return a row a cell: actual, decided, rows, share_of_actual."""
        k = len(self.classes)
        return pl.DataFrame(
            {
                "actual": np.repeat([str(c) for c in self.classes], k),
                "decided": np.tile([str(c) for c in self.classes], k),
                "rows": self.array().ravel(),
                "share_of_actual": self.shares().ravel(),
            }
        )

    def __str__(self) -> str:
        heads = ["", *(f"Actual {c}" for c in self.classes)]
        body = [
            [f"Predicted {c}", *(f"{row[j]:,.10g}" for row in self.counts)]
            for j, c in enumerate(self.classes)
        ]
        lines = [heads, *body]
        wide = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        return "\n".join(
            "  ".join([line[0].ljust(wide[0]), *map(str.rjust, line[1:], wide[1:])]).rstrip()
            for line in lines
        )


def confusion_table(
    label: ArrayLike,
    decided: ArrayLike,
    *,
    classes: Sequence[Any] | None = None,
    weight: ArrayLike | None = None,
) -> ConfusionTable:
    """Count decisions against labels.

    Args:
        label: Any classes, shape (n,).
        decided: The class that was decided, shape (n,).
        classes: In the order to show them; None takes those that occur, sorted.
        weight: How much a row counts, shape (n,); counts are then sums of it.

    Example:
        >>> label = ["CANCER"] * 100 + ["NORMAL"] * 900
        >>> decided = ["CANCER"] * 10 + ["NORMAL"] * 90 + ["CANCER"] * 10 + ["NORMAL"] * 890
        >>> print(confusion_table(label, decided))
                          Actual CANCER  Actual NORMAL
        Predicted CANCER             10             10
        Predicted NORMAL             90            890
    """
    names = tuple(classes) if classes is not None else known_classes(
        np.asarray(label), np.asarray(decided)
    )  # fmt: skip
    actual = class_codes(label, names, "label")
    n, k = len(actual), len(names)
    rows_of(n, None, weight)
    w = None if weight is None else np.asarray(weight, np.float64)
    cell = actual * k + class_codes(decided, names, "decided", n=n)
    counts = np.bincount(cell, w, k * k).reshape(k, k).astype(np.float64)
    return ConfusionTable(names, tuple(map(tuple, counts.tolist())))
