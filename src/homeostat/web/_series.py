"""Series smoothed without showing a change before it came."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["trailing_mean"]

Floats = NDArray[np.float64]


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
