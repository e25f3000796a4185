"""Several methods on several data sets: ranks, and what difference of ranks tells them apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.stats._binary import Floats

__all__ = ["Friedman", "critical_difference", "friedman", "wilcoxon_signed_rank"]


@dataclass(frozen=True, slots=True)
class Friedman:
    """Mean ranks of methods over data sets, 1 the best, and the test that they are all alike."""

    ranks: tuple[float, ...]
    statistic: float
    p_value: float
    n_sets: int


def friedman(scores: ArrayLike, *, larger_is_better: bool = True) -> Friedman:
    """Return Friedman's test with the correction of Iman and Davenport (1980).

    Args:
        scores: Shape (sets, methods), at least two of each; ties share their rank.
        larger_is_better: Whether the largest score has rank 1.

    Source: Demsar 2006, JMLR 7, section 3.2.2; F with ``k - 1`` and ``(k - 1)(N - 1)`` degrees.
    """
    table = _table(scores)
    n, k = table.shape
    ranks = np.stack([_ranks(-row if larger_is_better else row) for row in table])
    mean = ranks.mean(axis=0)
    chi2 = 12 * n / (k * (k + 1)) * (float(np.sum(mean**2)) - k * (k + 1) ** 2 / 4)
    below = n * (k - 1) - chi2
    statistic = (n - 1) * chi2 / below if below > 1e-12 else math.inf
    p = float(special.fdtrc(k - 1, (k - 1) * (n - 1), statistic)) if below > 1e-12 else 0.0
    return Friedman(tuple(mean.tolist()), statistic, p, n)


def critical_difference(k: int, n_sets: int, *, level: float = 0.95) -> float:
    """Return by how much the mean ranks of two of k methods must differ (Nemenyi 1963).

    Example:
        >>> round(critical_difference(4, 14), 2)
        1.25
    """
    from scipy.stats import studentized_range  # noqa: PLC0415 -- takes a second to load

    if k < 2 or n_sets < 2:
        raise InputError(f"Ranks need two methods and two data sets, got {k} and {n_sets}.")
    q = float(studentized_range.ppf(level, k, np.inf)) / math.sqrt(2)
    return q * math.sqrt(k * (k + 1) / (6 * n_sets))


def wilcoxon_signed_rank(differences: ArrayLike) -> float:
    """Return the two-sided p-value that differences lie around 0 (Wilcoxon 1945).

    Differences of 0 are left out; p is exact for up to 50 without ties, else normal.

    Example:
        >>> round(wilcoxon_signed_rank([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 5)
        0.03125
    """
    d = np.asarray(differences, np.float64)
    d = d[d != 0]
    n = len(d)
    if not n:
        return 1.0
    ranks = _ranks(np.abs(d))
    plus = float(ranks[d > 0].sum())
    if n <= 50 and len(np.unique(ranks)) == n:
        ways = np.ones(1)  # ways[s]: how many of 2^n signs give a rank sum of s
        for rank in range(1, n + 1):
            ways = np.convolve(ways, np.r_[1.0, np.zeros(rank - 1), 1.0])
        low = int(min(plus, n * (n + 1) / 2 - plus))
        return min(1.0, 2 * float(ways[: low + 1].sum() / 2.0**n))
    spread = math.sqrt(float(np.sum(ranks**2)) / 4)
    away = max(abs(plus - n * (n + 1) / 4) - 0.5, 0.0)
    return min(1.0, 2 * float(special.ndtr(-away / spread)))


def _ranks(values: Floats) -> Floats:
    found, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    upper = np.cumsum(counts)
    middle: Floats = upper - (counts - 1) / 2
    return np.asarray(middle[codes.reshape(len(values))]) if len(found) else middle


def _table(scores: ArrayLike) -> Floats:
    table = np.asarray(scores, np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise InputError(
            f"Scores need a finite number for each of two or more data sets (rows) and methods "
            f"(columns), got shape {table.shape}."
        )
    return table
