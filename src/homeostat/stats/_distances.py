"""Distances between two distributions that are counted in the same cells.

Counts are arrays (..., k): the last axis runs over cells, and leading axes are compared pair by
pair, so that many windows are compared with their references in one call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from homeostat.core import InputError

__all__ = [
    "Homogeneity",
    "hellinger",
    "homogeneity",
    "js_distance",
    "js_divergence",
    "kolmogorov_p",
    "ks_distance",
    "l_infinity",
    "psi",
    "wasserstein",
]

_Floats = NDArray[np.float64]


def ks_distance(one: ArrayLike, other: ArrayLike) -> _Floats:
    """Return the greatest difference of the two cumulative shares, in [0, 1].

    For cells in order. It equals the Kolmogorov-Smirnov distance of the raw values where no
    cell holds two different values, and is at most a cell's share below it elsewhere.

    Example:
        >>> float(ks_distance([5, 5, 0], [0, 5, 5]))
        0.5
    """
    p, q = _shares(one, other)
    return np.asarray(np.abs(np.cumsum(p - q, axis=-1)).max(axis=-1))


def kolmogorov_p(distance: ArrayLike, n: ArrayLike, m: ArrayLike) -> _Floats:
    """Return how likely a Kolmogorov-Smirnov distance this large is for two equal sources.

    The asymptotic law, on the safe side for tied values; for independent rows only.

    Example:
        >>> round(float(kolmogorov_p(0.1, 1000, 1000)), 6)
        9.1e-05
    """
    rows = 1 / (1 / np.asarray(n, np.float64) + 1 / np.asarray(m, np.float64))
    return np.asarray(special.kolmogorov(np.asarray(distance) * np.sqrt(rows)))


def js_divergence(
    one: ArrayLike, other: ArrayLike, *, debiased: bool = True, base: float = math.e
) -> _Floats:
    """Return the Jensen-Shannon divergence: in nats, in [0, ln 2], or in bits for `base` 2.

    Two samples of one source differ by chance alone: by (k - 1)(1/n + 1/m)/8 on average, where
    k counts the cells that either sample has. That is subtracted unless `debiased` is False,
    so that a distance does not grow with the number of cells or shrink with that of rows;
    never below 0. See Lin (1991) for the divergence, Paninski (2003) for the bias.

    Example:
        >>> float(js_divergence([10, 0], [0, 10], debiased=False).round(4))
        0.6931
        >>> float(js_divergence([10, 0], [0, 10], debiased=False, base=2))
        1.0
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    p, q = _shares(a, b)
    middle = (p + q) / 2
    plain = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum(axis=-1) / 2
    if debiased:
        cells = (middle > 0).sum(axis=-1)
        chance = (cells - 1) * (1 / a.sum(axis=-1) + 1 / b.sum(axis=-1)) / 8
        plain = np.clip(plain - chance, 0, None)
    return np.asarray(plain / math.log(base))


def js_distance(
    one: ArrayLike, other: ArrayLike, *, debiased: bool = True, base: float = math.e
) -> _Floats:
    """Return the square root of :func:`js_divergence`, a metric where it is not debiased."""
    return np.asarray(np.sqrt(js_divergence(one, other, debiased=debiased, base=base)))


def hellinger(one: ArrayLike, other: ArrayLike) -> _Floats:
    """Return the Hellinger distance, in [0, 1]."""
    p, q = _shares(one, other)
    return np.asarray(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=-1) / 2))


def l_infinity(one: ArrayLike, other: ArrayLike) -> _Floats:
    """Return the greatest difference of a cell's share, in [0, 1]."""
    p, q = _shares(one, other)
    return np.asarray(np.abs(p - q).max(axis=-1))


def psi(one: ArrayLike, other: ArrayLike, *, smoothing: float = 0.5) -> _Floats:
    """Return the population stability index: sum of (p - q) ln(p / q), at least 0.

    Args:
        one: Counts (..., k).
        other: Counts (..., k).
        smoothing: Rows added to each cell, so that an empty one does not make it infinite.
    """
    p, q = _shares(np.asarray(one) + smoothing, np.asarray(other) + smoothing)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


def wasserstein(one: ArrayLike, other: ArrayLike, places: ArrayLike) -> _Floats:
    """Return how far mass must be moved on average, in units of `places`.

    Args:
        one: Counts (..., k).
        other: Counts (..., k).
        places: Where each cell's mass lies, rising, (k,).

    Raises:
        InputError: If places do not rise.
    """
    steps = np.diff(np.asarray(places, np.float64))
    if (steps < 0).any():
        raise InputError("Places of cells must rise, got some that fall.")
    p, q = _shares(one, other)
    apart = np.abs(np.cumsum(p - q, axis=-1))[..., :-1]
    return np.asarray((apart * steps).sum(axis=-1))


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """A chi-squared test of two rows of counts: what came out, and in how many cells."""

    statistic: float
    dof: int
    p_value: float


def homogeneity(one: ArrayLike, other: ArrayLike, *, least_expected: float = 5.0) -> Homogeneity:
    """Test whether two samples of categories have one source (chi-squared, 2 x k).

    Both samples are random: the expected counts come from the pooled shares, not from one of
    the two as if it were the truth. Cells that expect less than `least_expected` in the smaller
    sample are merged.

    Args:
        one: Counts (k,).
        other: Counts (k,).
        least_expected: Least expected count of a cell.

    Returns:
        The test; p-value 1 with dof 0 where fewer than two cells are left.

    Example:
        >>> round(homogeneity([30, 70], [45, 55]).p_value, 4)
        0.0285
    """
    table = np.stack([np.asarray(one, np.float64), np.asarray(other, np.float64)])
    _shares(table[0], table[1])
    share = table.sum(axis=0) / table.sum()
    rare = share * table.sum(axis=1).min() < least_expected
    merged = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    merged = merged[:, merged.sum(axis=0) > 0]
    dof = merged.shape[1] - 1
    if dof < 1:
        return Homogeneity(0.0, 0, 1.0)
    expected = np.outer(merged.sum(axis=1), merged.sum(axis=0)) / merged.sum()
    statistic = float(((merged - expected) ** 2 / expected).sum())
    return Homogeneity(statistic, dof, float(stats.chi2.sf(statistic, dof)))


def _shares(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.shape[-1:] != b.shape[-1:] or a.ndim == 0:
        raise InputError(f"Counts must be in the same cells, got {a.shape} and {b.shape}.")
    totals = a.sum(axis=-1, keepdims=True), b.sum(axis=-1, keepdims=True)
    if (totals[0] <= 0).any() or (totals[1] <= 0).any() or (a < 0).any() or (b < 0).any():
        raise InputError("Counts must be at least 0, and some row must have been counted.")
    return a / totals[0], b / totals[1]
