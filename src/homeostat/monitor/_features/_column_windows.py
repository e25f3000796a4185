"""What the windows of a reference say of one column, as arrays."""

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
        novel: (w,) of them with a value that no other window has, or no other row of one frame.
        values: All values of text with their counts; None if too many to keep.
        exchangeable: Whether it is one frame whose rows come in any order, and not spans of time.
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
    def exchanged(cls, whole: ColumnProfile, edges: ColumnEdges) -> Self:
        """Take a column whose rows are exchangeable: it is one window, and any part is like it."""
        values = whole.frequencies() if edges.type == "string" else None
        once = sum(n == 1 for n in (values or {}).values())
        hits = np.array([[whole.count], [whole.nulls], [whole.nans], [whole.infs], [once]])
        rows, nulls, nans, infs, novel = hits
        return cls(
            whole,
            counts_of(whole, edges)[None],
            rows=rows,
            nulls=nulls,
            nans=nans,
            infs=infs,
            novel=novel,
            values=values,
            exchangeable=True,
        )

    def rate(self, hits: _Counts) -> RateLaw:
        """Return the law of one of the rates."""
        if self.exchangeable:
            return RateLaw.exchangeable(int(hits[0]), int(self.rows[0]))
        return RateLaw.learn(hits, self.rows)

    @property
    def novelty(self) -> RateLaw:
        """The law of the share of rows with a value that the reference has not.

        One frame is expected to miss as many rows as have a value that comes once in it (Good
        1953), with the error of Esty (1983), which is greater than a share's: it counts as no more
        rows than tell a share as surely.
        """
        if not self.exchangeable:
            return self.rate(self.novel)
        once, rows = int(self.novel[0]), int(self.rows[0])
        twice = sum(n == 2 for n in (self.values or {}).values())
        spread = once * (1 - once / max(rows, 1))
        sure = spread / (spread + 2 * twice) if twice else 1.0
        return RateLaw.exchangeable(round(once * sure), round(rows * sure))


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
