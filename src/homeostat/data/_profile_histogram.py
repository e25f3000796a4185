"""Histograms of a column, read off its profile: no second pass over the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.data._profile_column import ColumnProfile

__all__ = ["Histogram", "histogram", "histograms"]

_BINS = 30
_FEW = 40  # values that get a bar each
_FAR = 5  # times the middle 98 % that the whole range may be, before the ends are cut off


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Shares of a column's finite values by bin.

    Args:
        edges: Where bins end, (k + 1,), rising; for single values, the values and no more (k,).
        shares: Of the finite values, (k,).
        below: Share below the first edge: the drawn range leaves out far outliers.
        above: Share above the last edge.
    """

    edges: NDArray[np.float64]
    shares: NDArray[np.float64]
    below: float = 0.0
    above: float = 0.0

    @property
    def single(self) -> bool:
        """Whether a bin is a value of its own."""
        return len(self.edges) == len(self.shares)


def histogram(column: ColumnProfile, bins: int = _BINS) -> Histogram | None:
    """Return the histogram of numbers or times; None where there is nothing to draw.

    Example:
        >>> import polars as pl
        >>> drawn = histogram(ColumnProfile.of(pl.Series([1, 1, 2, 5])))
        >>> drawn.edges.tolist(), drawn.shares.tolist()
        ([1.0, 2.0, 5.0], [0.5, 0.25, 0.25])
    """
    return histograms([column], bins)[0]


def histograms(
    columns: Sequence[ColumnProfile | None], bins: int = _BINS
) -> list[Histogram | None]:
    """Return histograms of several columns in the same bins, to be drawn together."""
    drawn = [column if column is not None and _numeric(column) else None for column in columns]
    known = [column for column in drawn if column is not None]
    if not known:
        return [None] * len(columns)
    values = _few(known)
    edges = values if values is not None else _edges(known, bins)
    return [
        None
        if column is None
        else _by_value(column, edges)
        if values is not None
        else _by_range(column, edges)
        for column in drawn
    ]


def _numeric(column: ColumnProfile) -> bool:
    return column.kll is not None and column.kll.count > 0 and column.type != "string"


def _few(columns: Sequence[ColumnProfile]) -> NDArray[np.float64] | None:
    """Return all values where they are so few that each can have a bar; None otherwise."""
    found: set[float] = set()
    for column in columns:
        frequencies = column.frequencies()
        if frequencies is None or len(frequencies) > _FEW:
            return None
        found |= {float(value) for value in frequencies}
    return np.array(sorted(found)) if len(found) <= _FEW else None


def _edges(columns: Sequence[ColumnProfile], bins: int) -> NDArray[np.float64]:
    low = min(_end(column, 0) for column in columns)
    high = max(_end(column, -1) for column in columns)
    inner = [column.quantile(0.01, 0.99) for column in columns]
    least, most = float(min(q[0] for q in inner)), float(max(q[1] for q in inner))
    if most > least and high - low > _FAR * (most - least):
        margin = (most - least) / 4
        low, high = max(low, least - margin), min(high, most + margin)
    if not high > low:
        high = low + (abs(low) or 1.0)
    if all(column.type == "int" for column in columns):  # as many whole numbers in each bin
        low, step = math.floor(low) - 0.5, math.ceil((high - low + 1) / bins)
        return low + step * np.arange(math.ceil((high - low) / step) + 1, dtype=np.float64)
    return low + np.linspace(0.0, 1.0, bins + 1) * (high - low)


def _end(column: ColumnProfile, which: int) -> float:
    known = column.max if which else column.min
    return float(column.quantile(1.0 if which else 0.0)[0] if known is None else known)


def _by_value(column: ColumnProfile, values: NDArray[np.float64]) -> Histogram:
    frequencies = {float(value): n for value, n in (column.frequencies() or {}).items()}
    counts = np.array([frequencies.get(value, 0) for value in values.tolist()], np.float64)
    return Histogram(values, counts / max(counts.sum(), 1.0))


def _by_range(column: ColumnProfile, edges: NDArray[np.float64]) -> Histogram:
    upto = np.asarray(_upto(column, edges), np.float64)
    total = upto[-1]
    low, high = column.min, column.max
    first = 0.0 if low is None or float(low) >= edges[0] else float(upto[0])
    last = total if high is None or float(high) <= edges[-1] else float(upto[-2])
    inside = np.diff(np.concatenate([[first], upto[1:-2], [last]]))
    return Histogram(edges, np.clip(inside, 0, None) / total, first / total, 1 - last / total)


def _upto(column: ColumnProfile, edges: NDArray[np.float64]) -> NDArray[Any]:
    """Return how many values lie at or below each edge, and how many there are."""
    frequencies = column.frequencies()
    if frequencies is None:
        assert column.kll is not None  # noqa: S101 - what has no sketch was sorted out
        return np.append(column.kll.ranks(edges), column.kll.count)
    values = np.array(sorted(frequencies), np.float64)
    counts = np.array([frequencies[value] for value in sorted(frequencies)], np.int64)
    upto = np.concatenate([[0], np.cumsum(counts)])
    return np.append(upto[np.searchsorted(values, edges, side="right")], upto[-1])
