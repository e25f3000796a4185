"""Segments: rows of two frames grouped by the values of a column, or of two at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError, suggest
from homeostat.data import Edges

__all__ = ["Codes", "Sums", "code", "cross", "default_segments"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]
_LEVELS = 50  # of text; rarer ones are counted together
_DISTINCT = 20  # numbers with no more different values are levels too
_CUTS = 5  # cells of other numbers, of equal shares of the reference
_CROSSED = 400  # most cells of two columns together


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Which segment each row is in.

    Args:
        columns: One column, or two.
        labels: What each segment is, such as `country = BR`.
        reference: Code of each row of the reference, (n,).
        window: Of the window, (m,).
    """

    columns: tuple[str, ...]
    labels: tuple[str, ...]
    reference: _Ints
    window: _Ints

    @property
    def name(self) -> str:
        """The columns, as people say them."""
        return " and ".join(self.columns)


def code(reference: pl.DataFrame, window: pl.DataFrame, column: str) -> Codes:
    """Group both frames' rows by a column.

    Text, booleans and numbers of few values by value, those only the window has included; other
    numbers and times by fifths of the reference, with cells of their own beyond its ends.

    Raises:
        InputError: If a frame has no such column, or its values cannot be told apart.
    """
    for frame, which in ((reference, "reference"), (window, "window")):
        if column not in frame.columns:
            raise InputError(f"The {which} has no `{column}`.{suggest(column, frame.columns)}")
    one, other = reference.get_column(column), window.get_column(column)
    if one.dtype.is_nested() or one.dtype == pl.Object:
        raise InputError(f"`{column}` holds {one.dtype}: rows are grouped by single values.")
    if one.dtype != other.dtype:
        one, other = _one_type(one, other)
    both = pl.concat([one, other]).to_frame(column)
    few = not one.dtype.is_float() and not one.dtype.is_temporal()
    few = few and both.get_column(column).n_unique() <= _DISTINCT
    text = not one.dtype.is_numeric() and not one.dtype.is_temporal()
    if text or few:
        edges = Edges.of(both, bins=_LEVELS)
    else:
        edges = Edges.of(one.to_frame(column), bins=_CUTS)
    cells = edges.columns.get(column)
    if cells is None:
        raise InputError(f"`{column}` holds {one.dtype}: rows cannot be grouped by it.")
    labels = tuple(_label(column, cells.label(cell)) for cell in range(cells.cells + 1))
    return _compact((column,), labels, cells.codes(one), cells.codes(other))


def cross(one: Codes, other: Codes) -> Codes | None:
    """Group by two columns at once; None where there were too many segments."""
    if len(one.labels) * len(other.labels) > _CROSSED:
        return None
    labels = tuple(f"{a} and {b}" for a in one.labels for b in other.labels)
    k = len(other.labels)
    crossed = (
        one.reference * k + other.reference,
        one.window * k + other.window,
    )
    return _compact((*one.columns, *other.columns), labels, *crossed)


def pairs(codes: Sequence[Codes], most: int = 10) -> list[Codes]:
    """Return the crossings of the first columns with each other."""
    crossed = (cross(a, b) for a, b in combinations(codes[:most], 2))
    return [one for one in crossed if one is not None]


def default_segments(frame: pl.DataFrame, columns: Iterable[str]) -> list[str]:
    """Return the columns that name a kind of row: text, categories and booleans."""
    kinds = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
    return [name for name in columns if frame.schema[name].base_type() in kinds]


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Rows, sums and squared errors of a value by segment, of one frame.

    Args:
        rows: (k,).
        total: Sum of the value, (k,).
        blocks: Rows and sums by block, (blocks, k) each; None where rows are independent.
        squares: Sum of squares of the value, (k,).
    """

    rows: _Floats
    total: _Floats
    squares: _Floats
    blocks: tuple[_Floats, _Floats] | None = None

    @classmethod
    def of(cls, codes: _Ints, values: _Floats, size: int, blocks: ArrayLike | None = None) -> Sums:
        """Add up the rows of each segment."""
        rows, total, squares = (
            np.bincount(codes, x, size).astype(np.float64)
            for x in (np.ones(len(codes)), values, values**2)
        )
        if blocks is None:
            return cls(rows, total, squares)
        _, block = np.unique(np.asarray(blocks), return_inverse=True)
        place, shape = block * size + codes, (int(block.max(initial=0)) + 1, size)
        by_block = tuple(
            np.bincount(place, x, shape[0] * size).reshape(shape).astype(np.float64)
            for x in (np.ones(len(codes)), values)
        )
        return cls(rows, total, squares, (by_block[0], by_block[1]))

    @property
    def means(self) -> _Floats:
        """Mean of each segment; NaN where it has no rows."""
        known = self.rows > 0
        return np.where(known, self.total / np.where(known, self.rows, 1), np.nan)

    def errors(self) -> _Floats:
        """Standard error of each segment's mean; infinite where it is not known."""
        if self.blocks is None:
            mean = np.nan_to_num(self.means)
            spread = np.maximum(self.squares - self.rows * mean**2, 0.0)
            known = self.rows > 1
            safe = np.where(known, self.rows, 2)
            return np.where(known, np.sqrt(spread / (safe - 1) / safe), np.inf)
        rows, total = self.blocks
        left = total - np.nan_to_num(self.means) * rows
        many = np.count_nonzero(rows, axis=0)
        known = many > 1
        safe = np.where(known, many, 2)
        error = np.sqrt((left**2).sum(axis=0) * safe / (safe - 1)) / np.maximum(self.rows, 1)
        return np.where(known, error, np.inf)

    def merged(self, which: NDArray[np.bool_]) -> tuple[float, float, float]:
        """Return rows, mean and its standard error of some segments together."""
        rows, total, squares = (
            np.array([float(x[which].sum())]) for x in (self.rows, self.total, self.squares)
        )
        blocks = None
        if self.blocks is not None:
            n, x = (part[:, which].sum(axis=1, keepdims=True) for part in self.blocks)
            blocks = n, x
        one = Sums(rows, total, squares, blocks)
        return float(one.rows[0]), float(one.means[0]), float(one.errors()[0])


def _compact(
    columns: tuple[str, ...], labels: tuple[str, ...], reference: _Ints, window: _Ints
) -> Codes:
    """Drop the segments that no row is in."""
    used = np.bincount(reference, minlength=len(labels)) + np.bincount(
        window, minlength=len(labels)
    )
    kept = np.flatnonzero(used)
    place = np.zeros(len(labels), np.int64)
    place[kept] = np.arange(len(kept))
    return Codes(columns, tuple(labels[i] for i in kept), place[reference], place[window])


def _label(column: str, cell: str) -> str:
    if cell == "missing":
        return f"{column} missing"
    if cell == "any other value":
        return f"{column} rare"
    if cell[:1] in "(>" or cell.startswith("below"):
        return f"{column} in {cell}" if cell[:1] == "(" else f"{column} {cell}"
    return f"{column} = {cell}"


def _one_type(one: pl.Series, other: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Read both as numbers where both are, else as text."""
    numeric = all(s.dtype.is_numeric() or s.dtype == pl.Boolean for s in (one, other))
    target = pl.Float64 if numeric else pl.String
    return one.cast(target, strict=False), other.cast(target, strict=False)
