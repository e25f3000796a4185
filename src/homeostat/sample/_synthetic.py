"""Synthetic rows: where they lie between their parents, column by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.sample._columns import Measured
from homeostat.sample._space import Rows
from homeostat.stats import Floats

__all__ = ["Children", "between", "voted"]


@dataclass(frozen=True, slots=True, eq=False)
class Children:
    """Who the parents of synthetic rows are, as places among the rows of their class.

    Args:
        rows: The training rows of the class, shape (c,).
        base: The row each starts from, shape (m,).
        towards: The neighbour it goes towards, shape (m,).
        share: How far it goes, in [0, 1]: lambda.
    """

    rows: Rows
    base: Rows
    towards: Rows
    share: Floats

    @property
    def parent(self) -> Rows:
        """The training row each starts from."""
        return self.rows[self.base]

    @property
    def parent_2(self) -> Rows:
        """The training row it goes towards."""
        return self.rows[self.towards]


def between(
    frame: pl.DataFrame, table: Measured, children: Children, votes: dict[str, Rows]
) -> pl.DataFrame:
    """Return the synthetic rows, with the columns of the frame.

    Args:
        frame: The training rows.
        table: What kind each column is.
        children: Their parents.
        votes: For each column of categories, the row of the class each child takes it from.

    Numbers are ``a + share * (b - a)``; whole numbers are rounded, so they stay between their
    parents'. A gap in the parent stays a gap, one in the neighbour leaves the parent's value.
    """
    parts = []
    for name in frame.columns:
        column = frame[name][children.rows]
        if name in votes:
            parts.append(column[votes[name]])
        elif name in table.numeric:
            parts.append(_interpolated(column, children))
        else:
            parts.append(column[children.base])
    return pl.DataFrame(parts)


def _interpolated(column: pl.Series, children: Children) -> pl.Series:
    if column.null_count() or column.dtype.is_integer() or column.is_nan().any():
        return _between_gaps(column, children)
    held = column.to_numpy()
    a, b = held[children.base], held[children.towards]
    b -= a
    b *= children.share.astype(b.dtype, copy=False)
    b += a
    return pl.Series(column.name, b, dtype=column.dtype)


def _between_gaps(column: pl.Series, children: Children) -> pl.Series:
    a, b = column[children.base], column[children.towards]
    wide_a, wide_b = a.cast(pl.Float64), b.cast(pl.Float64)
    middle = wide_a + pl.Series(children.share) * (wide_b - wide_a)
    if column.dtype.is_integer():
        middle = middle.round().cast(column.dtype, strict=False)
    told = b.is_not_null() & middle.is_not_null() & ~wide_b.is_nan().fill_null(value=False)
    return middle.cast(column.dtype).zip_with(told, a).rename(column.name)


def voted(codes: NDArray[np.int32], near: Rows) -> Rows:
    """Return for each row the neighbour whose category is the commonest among its neighbours.

    The row's own category wins a tie.

    Args:
        codes: One column's categories over the rows of the class, shape (c,).
        near: Each row's neighbours, as places in those rows, shape (c, k).
    """
    held = codes[near]
    votes = (held[:, :, None] == held[:, None, :]).sum(axis=2) * 2 + (held == codes[:, None])
    winner: Rows = near[np.arange(len(near)), votes.argmax(axis=1)]
    return winner
