"""What the windows of a reference say of one column, as arrays: seen, or drawn by permutation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.data import ColumnEdges, ColumnProfile, Profile
from homeostat.monitor._features._rates import RateLaw

__all__ = ["ColumnWindows", "counts_of"]

_Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnWindows:
    """One column of a reference, window by window.

    Args:
        whole: The column in all windows merged.
        counts: (w, cells + 1) rows by cell, those without a value last.
        rows: (w,) rows; 0 where a window lacked the column.
        nulls: (w,) of them null.
        nans: (w,) of them NaN.
        infs: (w,) of them infinite.
        novel: (w,) of them with a value that no other window has.
        values: All values of text with their counts; None if too many to keep.
        exchangeable: Whether the windows are draws of rows in any order, which overlap, and not
            spans of time.
    """

    whole: ColumnProfile
    counts: _Counts
    rows: _Counts
    nulls: _Counts
    nans: _Counts
    infs: _Counts
    novel: _Counts
    values: dict[float | int | str, int] | None
    exchangeable: bool = False

    @classmethod
    def seen(cls, name: str, edges: ColumnEdges, windows: Sequence[Profile]) -> Self:
        """Take the windows as they are, in the order of time."""
        columns = [window.columns.get(name) or ColumnProfile(type="null") for window in windows]
        whole = ColumnProfile.merge([w.columns[name] for w in windows if name in w.columns])
        values = whole.frequencies() if edges.type == "string" else None
        return cls(
            whole,
            np.stack([counts_of(column, edges) for column in columns]),
            np.array([column.count for column in columns]),
            np.array([column.nulls for column in columns]),
            np.array([column.nans for column in columns]),
            np.array([column.infs for column in columns]),
            np.array([_novel(column, values) for column in columns]),
            values,
        )

    @classmethod
    def drawn(
        cls,
        whole: ColumnProfile,
        edges: ColumnEdges,
        *,
        size: int,
        draws: int,
        rng: np.random.Generator,
    ) -> Self:
        """Draw windows from a reference whose rows are exchangeable.

        A random window of `size` rows has, by cell, counts of a multivariate hypergeometric
        law: the permutation distribution is drawn from without touching a row.

        Args:
            whole: The column in the whole reference.
            edges: Its cells.
            size: Rows of a window, less than the reference has.
            draws: How many windows.
            rng: Source of randomness.
        """
        values = whole.frequencies() if edges.type == "string" else None
        kinds = np.append(counts_of(whole, edges), [0, 0, 0])
        kinds[-3:] = whole.nulls, whole.nans, whole.infs
        kinds[-4] -= kinds[-3:].sum()
        drawn = rng.multivariate_hypergeometric(kinds, size, size=draws, method="marginals")
        once = sum(n == 1 for n in (values or {}).values())
        novel = rng.hypergeometric(once, whole.count - once, size, draws)
        counts = drawn[:, :-3].copy()
        counts[:, -1] += drawn[:, -3:].sum(axis=1)
        rows = np.full(draws, size)
        nulls, nans, infs = drawn[:, -3:].T
        return cls(whole, counts, rows, nulls, nans, infs, novel, values, exchangeable=True)

    def rate(self, hits: _Counts, whole: int) -> RateLaw:
        """Return the law of one of the rates, given how many there are in the whole reference."""
        total = (whole, self.whole.count) if self.exchangeable else None
        return RateLaw.learn(hits, self.rows, total=total)

    @property
    def once(self) -> int:
        """How many values the whole reference has once only."""
        return sum(n == 1 for n in (self.values or {}).values())


def counts_of(column: ColumnProfile | None, edges: ColumnEdges) -> _Counts:
    """Return a window's counts by cell, with those that miss a value last, (cells + 1,)."""
    counts = np.zeros(edges.cells + 1, np.int64)
    if column is not None:
        counts[-1] = column.count
        if len(column.bins):
            counts[:-1] = column.bins
            counts[-1] -= int(column.bins.sum())
    return counts


def _novel(column: ColumnProfile, values: dict[float | int | str, int] | None) -> int:
    """Count the rows whose value no other window of the reference has."""
    found = column.frequencies()
    if values is None or found is None:
        return 0
    return sum(n for value, n in found.items() if values[value] == n)
