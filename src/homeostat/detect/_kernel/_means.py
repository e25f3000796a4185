"""Intervals of squared distances between the means of two samples of features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.detect._kernel._points import Floats
from homeostat.stats import Interval

__all__ = ["distance_interval", "root", "square_interval"]


def distance_interval(
    along: Floats, sizes: Floats, first: NDArray[np.bool_], statistics: Floats
) -> Interval:
    """Return a 95 % interval of a squared distance of two means.

    The variance is that of the runs along the difference where the samples differ, plus that of
    the permuted statistics, which is all there is where they do not.

    Args:
        along: Sums of each run's rows, projected on the gradient of the squared distance, (G,).
        sizes: Rows of each run, (G,).
        first: Which runs are of the reference, (G,).
        statistics: The observed squared distance, and permuted ones.
    """
    variance = float(statistics[1:].var())
    for side in (first, ~first):
        spread = along[side] - sizes[side] * along[side].sum() / sizes[side].sum()
        runs = len(spread)
        variance += float((spread**2).sum()) / sizes[side].sum() ** 2 * runs / max(runs - 1, 1)
    return square_interval(float(statistics[0]), variance)


def square_interval(estimate: float, variance: float) -> Interval:
    """Return a 95 % interval of a squared distance, whose variance grows with itself.

    Where it is estimated low, so is its variance. The distance's own spread hardly depends on
    it, so the upper end is that of an interval of the distance, where that is not near 0.
    """
    reach = float(special.ndtri(0.975)) * variance**0.5
    above = reach**2 / (4 * max(estimate, reach)) if reach > 0 else 0.0
    return Interval(estimate - reach, estimate + reach + above, 0.95)


def root(interval: Interval) -> Interval:
    """Return the interval of the distance itself, at least 0."""
    low, high = (max(end, 0.0) ** 0.5 for end in (interval.low, interval.high))
    return Interval(low, high, interval.level)
