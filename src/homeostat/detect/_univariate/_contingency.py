"""Chi-squared homogeneity and Fisher's exact test of two rows of counts."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from homeostat.detect._univariate._draws import drawn_p
from homeostat.stats import Homogeneity, Interval, homogeneity, two_sided

__all__ = ["chi_squared", "fisher_p", "share_change"]

_LEAST_EXPECTED = 5.0
_SPARSE_MASS = 0.02  # of rows in sparse cells, from which merging them would lose too much
_MOST_DRAWN = 2000  # cells up to which tables are drawn

_Counts = NDArray[np.int64]


def chi_squared(one: _Counts, other: _Counts, *, rng: np.random.Generator) -> Homogeneity:
    """Test 2 x k counts for one source, with sparse cells neither trusted nor thrown away.

    Sparse cells (expecting under 5 in the smaller sample) that hold few rows are merged and the
    chi-squared law is used. Where they hold more, all cells stay and the p-value is drawn with
    both totals kept; beyond 2,000 cells the law is a gamma law with the statistic's exact mean
    and variance under relabelling, which so many cells make accurate.
    """
    keep = one + other > 0
    one, other = one[keep], other[keep]
    n, m = int(one.sum()), int(other.sum())
    if len(one) < 2:
        return Homogeneity(0.0, 0, 1.0)
    expected = (one + other) * (min(n, m) / (n + m))
    sparse = expected < _LEAST_EXPECTED
    if expected[sparse].sum() <= _SPARSE_MASS * min(n, m):
        return homogeneity(one, other, least_expected=_LEAST_EXPECTED)
    pooled = one + other
    statistic = float(_pearson(other[None, :], pooled, n, m)[0])
    p = _gamma_p(statistic, pooled, n, m)
    if len(one) <= _MOST_DRAWN:
        p = drawn_p(lambda tables: _pearson(tables, pooled, n, m), one, other, rng=rng, beyond=p)
    return Homogeneity(statistic, len(one) - 1, p)


def _pearson(
    tables: NDArray[Any], pooled: NDArray[np.int64], n: int, m: int
) -> NDArray[np.float64]:
    """Return the chi-squared statistic of window counts (b, k) with all margins known."""
    share = m / (n + m)
    off = tables - pooled * share
    return np.asarray(np.einsum("bk,bk,k->b", off, off, 1 / (pooled * share * (1 - share))))


def _gamma_p(statistic: float, pooled: NDArray[np.int64], n: int, m: int) -> float:
    """Return the tail of the gamma law with the statistic's mean and variance."""
    k, total = len(pooled), n + m
    mean = (k - 1) * total / (total - 1)
    variance = _variance(pooled, n, m)
    if variance <= 0:
        return 1.0
    return float(special.gammaincc(mean**2 / variance, statistic * mean / variance))


def _variance(pooled: NDArray[np.int64], n: int, m: int) -> float:
    """Return the exact variance of the statistic when rows are relabelled.

    The statistic is, but for constants, Q = sum of a^2 / t over cells of t rows with a of the
    window; E Q^2 follows from the factorial moments of the hypergeometric law. In fractions,
    for Q varies by far less than it is.
    """
    k, total, squares = len(pooled), n + m, int((pooled**2).sum())
    inverse = Fraction(float((1 / pooled).sum()))
    m1, m2, m3, m4 = (_falling(m, r) / (_falling(total, r) or 1) for r in (1, 2, 3, 4))
    one = m2 * (total - k) + m1 * k
    alone = m4 * (squares - 6 * total + 11 * k - 6 * inverse)
    alone += 6 * m3 * (total - 3 * k + 2 * inverse) + 7 * m2 * (k - inverse) + m1 * inverse
    pairs = m4 * ((total - k) ** 2 - (squares - 2 * total + k))
    pairs += m3 * 2 * (k - 1) * (total - k) + m2 * k * (k - 1)
    return float((alone + pairs - one**2) * Fraction(total * total, n * m) ** 2)


def _falling(number: int, terms: int) -> Fraction:
    return Fraction(math.prod(number - i for i in range(terms)))


def fisher_p(one: _Counts, other: _Counts, *, rng: np.random.Generator) -> float:
    """Return Fisher's exact p-value: by enumeration for two cells, drawn for more.

    A table counts as far out as the observed one if it is no more likely (Freeman and Halton
    1951).
    """
    keep = one + other > 0
    one, other = one[keep], other[keep]
    if len(one) < 2:
        return 1.0
    if len(one) == 2:
        return min(1.0, float(stats.fisher_exact(np.stack([other, one])).pvalue))
    pooled = (one + other).astype(np.float64)

    def rarity(tables: NDArray[Any]) -> NDArray[np.float64]:
        logs = special.gammaln(tables + 1.0) + special.gammaln(pooled - tables + 1.0)
        return np.asarray((logs - special.gammaln(pooled + 1.0)).sum(axis=1))

    return drawn_p(rarity, one, other, rng=rng)


def share_change(one: _Counts, other: _Counts, level: float) -> tuple[int, Interval]:
    """Return the cell whose share moved most, and the interval of the size of that change.

    The interval holds for all cells at once (Bonferroni over the k cells), as the cell was
    chosen by the data; from Agresti and Caffo's (2000) difference of proportions.
    """
    n, m = int(one.sum()), int(other.sum())
    p, q = (one + 1) / (n + 2), (other + 1) / (m + 2)
    cell = int(np.argmax(np.abs(other / m - one / n)))
    error = np.sqrt(p * (1 - p) / (n + 2) + q * (1 - q) / (m + 2))[cell]
    half = float(two_sided(1 - level / len(one)) * error)
    size = float(abs(other[cell] / m - one[cell] / n))
    return cell, Interval(max(size - half, 0.0), min(size + half, 1.0), 1 - level)
