"""Kolmogorov-Smirnov and Cramér-von Mises: two samples of numbers in order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

__all__ = ["Gap", "cvm_p", "cvm_statistic", "gap", "gap_error", "ks_limit", "ks_p"]

_Floats = NDArray[np.float64]
_EXACT_PATHS = 100_000  # lattice points up to which paths are counted
_EXACT_CVM = 20


@dataclass(frozen=True, slots=True)
class Gap:
    """Where two distribution functions differ most.

    Args:
        distance: The Kolmogorov-Smirnov distance D.
        at: The number at which it is reached.
        up: Whether the window has more above that number than the reference.
    """

    distance: float
    at: float
    up: bool


def gap(reference: _Floats, window: _Floats) -> Gap:
    """Return the exact Kolmogorov-Smirnov distance of two sorted samples.

    Both distribution functions are first read at a few numbers of the window. Between two of
    them the difference is bounded by their ranks, so only stretches that may still hold the
    maximum are looked at whole: O(sqrt(m) log n) for a window without shift, beyond its sorting.
    """
    n, m = len(reference), len(window)
    step = max(1, math.isqrt(m) // 8)
    places = np.unique(np.append(np.arange(0, m, step), m - 1))
    best, left, right = _differences(reference, window, places)
    if step > 1:
        most_below = places[1:] / m - right[:-1] / n
        most_above = left[1:] / n - (places[:-1] + 1) / m
        open_ = np.flatnonzero(np.maximum(most_below, most_above) > best.distance)
        if len(open_):
            inner = (places[open_][:, None] + np.arange(1, step)).ravel()
            finer, _, _ = _differences(reference, window, inner[inner < m])
            best = max(best, finer, key=lambda found: found.distance)
    return best


def _differences(
    reference: _Floats, window: _Floats, places: NDArray[Any]
) -> tuple[Gap, NDArray[Any], NDArray[Any]]:
    n, m = len(reference), len(window)
    at = window[places]
    left = np.searchsorted(reference, at)
    right = np.searchsorted(reference, at, side="right")
    below = (places + 1) / m - right / n  # the window's share at or below, less the reference's
    above = left / n - places / m  # the reference's share below, less the window's
    i, j = int(np.argmax(below)), int(np.argmax(above))
    up = bool(above[j] > below[i])
    best = Gap(float(max(above[j] if up else below[i], 0.0)), float(at[j if up else i]), up)
    return best, left, right


@lru_cache(maxsize=4096)
def ks_p(distance: float, n: int, m: int) -> float:
    """Return how likely a distance this large is for two samples of one continuous law.

    Exact by counting lattice paths for small samples (Hodges 1958), else the law of one sample
    of nm/(n+m). Conservative where values are tied.

    Example:
        >>> round(ks_p(1.0, 3, 3), 6)
        0.1
    """
    if distance <= 0:
        return 1.0
    if n * m <= _EXACT_PATHS:
        exact = _paths_p(distance, min(n, m), max(n, m))
        if exact > 1e-9:
            return exact
    return float(np.clip(stats.kstwo.sf(distance, round(n * m / (n + m))), 0.0, 1.0))


def _paths_p(distance: float, n: int, m: int) -> float:
    """Count the lattice paths that stay nearer to the diagonal than the distance."""
    reach = round(distance * n * m)  # |i m - j n| of a path that gets there
    row = np.zeros(m + 1)
    row[0], scale = 1.0, 0.0
    for i in range(n + 1):
        low = max(0, (i * m - reach) // n + 1)
        high = min(m, -((-(i * m + reach)) // n) - 1)
        if low > high:
            return 1.0
        row[:low] = 0.0
        if i == 0:
            row[: high + 1] = 1.0
        else:
            row[low : high + 1] = np.cumsum(row[low : high + 1])
        row[high + 1 :] = 0.0
        largest = float(row[high])
        if largest <= 0:
            return 1.0
        if largest > 1e200:
            row /= largest
            scale += math.log(largest)
    if row[m] <= 0:
        return 1.0
    paths = special.gammaln(n + m + 1) - special.gammaln(n + 1) - special.gammaln(m + 1)
    return float(np.clip(-math.expm1(math.log(float(row[m])) + scale - paths), 0.0, 1.0))


def ks_limit(level: float, n: int, m: int) -> float:
    """Return the distance that two samples of one law exceed with probability `level`."""
    return min(1.0, float(special.kolmogi(level)) * math.sqrt(1 / n + 1 / m))


gap_error = ks_limit
"""How far a measured distance may be from the true one, with confidence 1 - level: the two
distribution functions are off by no more than this anywhere, so neither is their greatest gap."""


def cvm_statistic(reference: _Floats, window: _Floats) -> float:
    """Return the two-sample Cramér-von Mises statistic T of sorted samples, ties at midranks.

    Anderson (1962), On the distribution of the two-sample Cramér-von Mises criterion, eq. 9-10.
    """
    n, m = len(reference), len(window)
    left = np.searchsorted(reference, window)
    right = np.searchsorted(reference, window, side="right")
    own, whole = _midranks(window), _midranks(reference)
    ranks = own + (left + right) / 2
    before = np.bincount(left, minlength=n + 1) + np.bincount(right, minlength=n + 1)
    others = whole + np.cumsum(before)[:n] / 2
    i, j = np.arange(1, n + 1), np.arange(1, m + 1)
    u = n * float(((others - i) ** 2).sum()) + m * float(((ranks - j) ** 2).sum())
    return u / (n * m * (n + m)) - (4 * n * m - 1) / (6 * (n + m))


def _midranks(ordered: _Floats) -> _Floats:
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    sizes = np.diff(starts, append=len(ordered))
    return np.repeat(starts + (sizes + 1) / 2, sizes)


def cvm_p(statistic: float, reference: _Floats, window: _Floats) -> float:
    """Return the p-value of :func:`cvm_statistic`: exact up to 20 a side, else the limit law."""
    n, m = len(reference), len(window)
    if min(n, m) < 2:
        return 1.0
    if max(n, m) <= _EXACT_CVM:
        return float(stats.cramervonmises_2samp(reference, window, method="exact").pvalue)
    total = n + m
    mean = (1 + 1 / total) / 6
    spread = 4 * n * m * total - 3 * (n**2 + m**2) - 2 * n * m
    variance = (total + 1) * spread / (180 * total**2 * n * m)
    return _limit_p(1 / 6 + (statistic - mean) / math.sqrt(45 * variance))


def _limit_p(x: float) -> float:
    """Return the upper tail of the limit law (Csörgő and Faraway 1996, eq. 1.2)."""
    if x <= 0.003:
        return 1.0
    k = np.arange(25 + int(8 * math.sqrt(min(x, 1e4))))
    scale = (4 * k + 1) ** 2 / (16 * x)
    weight = np.exp(special.gammaln(k + 0.5) - special.gammaln(k + 1))
    weight /= math.pi**1.5 * math.sqrt(x)
    terms = weight * np.sqrt(4 * k + 1) * np.exp(-scale) * special.kv(0.25, scale)
    return float(np.clip(1 - terms.sum(), 0.0, 1.0))
