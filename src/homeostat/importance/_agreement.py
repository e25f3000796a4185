"""Do several measures of importance agree on which features matter?"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy import stats as scipy_stats

from homeostat.stats import Floats

__all__ = ["kendall_w", "ranks", "spearman", "top_share"]


def ranks(values: Floats) -> Floats:
    """Return ranks, the largest value 1, ties with their mean; NaN has none."""
    found = np.full(len(values), math.nan)
    known = np.isfinite(values)
    found[known] = scipy_stats.rankdata(-values[known])
    return found


def kendall_w(table: Floats) -> float | None:
    """Return Kendall's coefficient of concordance of m rankings, shape (features, m), 0 to 1.

    Corrected for ties (Kendall and Gibbons 1990, chapter 6); None of fewer than two rankings or
    features, or where all is tied.

    Example:
        >>> kendall_w(np.array([[3.0, 9.0], [2.0, 5.0], [1.0, 1.0]]))
        1.0
    """
    n, m = table.shape
    if n < 2 or m < 2:
        return None
    ranked = np.column_stack([ranks(column) for column in table.T])
    sums = ranked.sum(axis=1)
    spread = float(np.square(sums - sums.mean()).sum())
    counts = [np.unique(column, return_counts=True)[1] for column in ranked.T]
    ties = float(sum((count**3 - count).sum() for count in counts))
    most = m**2 * (n**3 - n) - m * ties
    return 12 * spread / most if most > 0 else None


def spearman(table: Mapping[str, Floats]) -> dict[tuple[str, str], float | None]:
    """Return Spearman's correlation of each pair of measures; None where one is constant."""
    names = list(table)
    found: dict[tuple[str, str], float | None] = {}
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            a, b = ranks(table[one]), ranks(table[other])
            varies = len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0
            found[one, other] = float(np.corrcoef(a, b)[0, 1]) if varies else None
    return found


def top_share(shares: Floats) -> Floats:
    """Return the share of the first k features together, the largest first, for k = 1 ... d.

    Example:
        >>> top_share(np.array([1.0, 7.0, 2.0])).round(3).tolist()
        [0.7, 0.9, 1.0]
    """
    ordered = np.cumsum(np.sort(np.maximum(shares, 0))[::-1])
    return ordered / ordered[-1] if len(ordered) and ordered[-1] > 0 else ordered
