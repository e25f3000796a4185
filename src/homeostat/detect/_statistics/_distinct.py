"""How many distinct values a sample has, and would have at another size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.detect._statistics._estimates import Estimate
from homeostat.stats import two_sided

__all__ = ["distinct"]


def distinct(counts: NDArray[np.int64], rows: int, level: float) -> Estimate:
    """Return how many distinct values `rows` of a sample's rows have (rarefaction).

    Larger samples have more distinct values, so two are compared at the smaller one's size. The
    expected number is exact (Hurlbert 1971); the error is that of rows drawn anew.

    Args:
        counts: How often each value occurs, (k,).
        rows: At most their sum.
        level: Confidence of the interval.
    """
    n = int(counts.sum())
    if n == 0 or rows == 0:
        return Estimate(note="there are no values")
    times, values = np.unique(counts, return_counts=True)
    unseen = np.exp(_log_choose(n - times, rows) - _log_choose(np.array([n]), rows))
    expected = float((values * (1 - unseen)).sum())
    rate = times * (rows / n)
    gone = np.exp(-rate)
    variance = float((values * gone * (1 - gone)).sum())
    variance -= float((values * rate * gone).sum()) ** 2 / rows
    error = math.sqrt(max(variance, 0.0))
    note = "" if rows == n else f"at {rows:,} rows"
    return Estimate.around(expected, error, float(two_sided(level)), n=rows, note=note)


def _log_choose(total: NDArray[np.int64], rows: int) -> NDArray[np.float64]:
    """Return the logarithm of total choose rows, minus infinity where there are too few."""
    left = total - rows
    known = special.gammaln(total + 1.0) - special.gammaln(np.maximum(left, 0) + 1.0)
    return np.where(left < 0, -np.inf, known - special.gammaln(rows + 1.0))
