"""Series made small enough to draw without losing a spike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["min_max", "trailing_mean"]

Floats = NDArray[np.float64]


def min_max(x: Floats, y: Floats, columns: int) -> tuple[Floats, Floats, Floats]:
    """Reduce a series to the minimum and maximum of each pixel column.

    Args:
        x: Positions, shape (n,), in ascending order.
        y: Values, shape (n,); those that are not finite are left out.
        columns: How many pixel columns there are.

    Returns:
        The middle, minimum and maximum of each column that holds a value, in order. No value
        lies outside what is drawn, so no spike is lost. O(n) time.

    Example:
        >>> x = np.arange(6.0)
        >>> [part.tolist() for part in min_max(x, np.array([0, 9, 1, 2, -5, 3.0]), 2)]
        [[1.0, 4.0], [0.0, -5.0], [9.0, 3.0]]
    """
    kept = np.isfinite(y) & np.isfinite(x)
    x, y = x[kept], y[kept]
    if len(x) <= max(columns, 1):
        return x, y, y
    width = (x[-1] - x[0]) or 1.0
    column = np.minimum((x - x[0]) / width * columns, columns - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], len(x)) - 1
    return (
        (x[starts] + x[ends]) / 2,
        np.minimum.reduceat(y, starts),
        np.maximum.reduceat(y, starts),
    )


def trailing_mean(values: Floats, weights: Floats, length: int) -> Floats:
    """Return the weighted mean of the last ``length`` values at each position.

    Values that are not finite count for nothing; where a window holds less than half of
    ``length`` the result is NaN, unless the whole series is that short. A trailing mean never
    shows a change before it came. O(n) time.

    Example:
        >>> trailing_mean(np.array([1.0, 3.0, np.nan]), np.ones(3), 2).tolist()
        [1.0, 2.0, 3.0]
    """
    known = np.isfinite(values) & np.isfinite(weights) & (weights > 0)
    mass = np.where(known, weights, 0.0)
    total = _window_sum(np.where(known, values, 0.0) * mass, length)
    count = _window_sum(known.astype(np.float64), length)
    within = _window_sum(mass, length)
    enough = count >= max(1, min((length + 1) // 2, int(known.sum())))
    return np.where(enough, total / np.where(enough, within, 1.0), np.nan)


def _window_sum(values: Floats, length: int) -> Floats:
    total = np.cumsum(values)
    total[length:] -= total[:-length].copy()
    return total
