"""Calibration: do the rows given 60 % come true 60 % of the time?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from homeostat.stats._binary import Binning, Floats
from homeostat.stats._gaps import Cells, Kind, block_noise, calibrated_noise, cells_of

__all__ = ["CalibrationError", "calibration_error", "ece"]

_MOST = 5_000_000  # values of noise at most; with very many cells there are fewer resamples


def ece(
    label: ArrayLike,
    p: ArrayLike,
    *,
    kind: Kind | None = None,
    bins: int = 15,
    binning: Binning = "width",
    debiased: bool = False,
) -> float:
    """Return the expected calibration error: the mean gap over the bins.

    A perfect forecast shows an ECE above 0 by chance, the more so the fewer the rows; see
    :func:`calibration_error` for how much.

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        kind: ``"binary"`` is on P(label = 1), the default for (n,); ``"top-label"`` on whether
            the most probable class is right, the default for (n, k); ``"classwise"`` is the mean
            over the k classes. The three are different numbers.
        bins: How many bins.
        binning: As in :func:`reliability`.
        debiased: Whether the gaps are first shrunk to those whose mean ECE under sampling noise
            is the one seen; 0 where calibrated forecasts show as much on average.

    Source: Naeini et al. 2015; Guo et al. 2017 for the 15 bins; Kull et al. 2019 for classwise.

    Example:
        >>> ece([1] * 8 + [0] * 2, [0.8] * 10)
        0.0
    """
    cells = cells_of(label, p, kind=kind, bins=bins, binning=binning)
    gaps = np.abs(cells.gaps)
    found = _rounded(float(cells.error(gaps)))
    if not debiased:
        return found
    deviation = np.sqrt(np.bincount(cells.codes, cells.p * (1 - cells.p)))
    return found * _share_not_noise(gaps, deviation)


def _rounded(gap: float) -> float:
    return 0.0 if gap < 1e-12 else gap


def _share_not_noise(gaps: Floats, noise: Floats) -> float:
    """Return the share s for which the mean of |N(s * gaps, noise)| sums to the gaps, or 0."""
    noise = np.maximum(noise, 1e-12)

    def excess(share: float) -> float:
        m = share * gaps
        z = m / noise
        folded = noise * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) + m * (1 - 2 * special.ndtr(-z))
        return float(np.sum(folded - gaps))

    return 0.0 if excess(0.0) >= 0 else float(optimize.brentq(excess, 0.0, 1.0, xtol=1e-6))


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """An ECE beside what a calibrated forecast would show on rows like these.

    Args:
        ece: As it is seen, biased upwards.
        debiased: With the bias of sampling taken off.
        expected: Mean ECE of a calibrated forecast.
        band: The ECE that a calibrated forecast exceeds in a share ``1 - level`` of samples.
        p_value: Share of calibrated samples with at least the ECE seen; beyond all of them, the
            tail of a gamma of their mean and variance, which falls more slowly than theirs.
        n: Rows.
        low: Lower end of the interval of the true ECE on these bins; 0 where calibration would
            explain what is seen.
        high: Upper end.
        kind: Which ECE it is: ``"binary"``, ``"top-label"`` or ``"classwise"``.
    """

    ece: float
    debiased: float
    expected: float
    band: float
    p_value: float
    n: int
    low: float = 0.0
    high: float = 1.0
    kind: Kind = "binary"


def calibration_error(
    label: ArrayLike,
    p: ArrayLike,
    *,
    kind: Kind | None = None,
    blocks: ArrayLike | None = None,
    bins: int = 15,
    binning: Binning = "width",
    level: float = 0.95,
    n_resamples: int = 1000,
    rng: np.random.Generator | int = 0,
) -> CalibrationError:
    """Return the ECE with its consistency band (Brocker and Smith 2007, on the whole of the ECE).

    The interval of the true ECE holds the sizes under which the ECE seen is not odd, where size
    stretches the gaps seen and sampling noise is added anew (test inversion): unlike a bootstrap
    it is not moved up by the bias, and reaches 0.

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        kind: As in :func:`ece`.
        blocks: Which block (a day) a row is in: outcomes of one day err together, so a
            forecast that is calibrated in the long run strays further in a short window.
        bins: How many bins.
        binning: As in :func:`reliability`.
        level: Confidence of the band and of the interval.
        n_resamples: How many samples a calibrated forecast is given.
        rng: Generator or seed.
    """
    cells = cells_of(label, p, kind=kind, bins=bins, binning=binning)
    gaps, generator = np.abs(cells.gaps), np.random.default_rng(rng)
    found = _rounded(float(cells.error(gaps)))
    n_resamples = max(min(n_resamples, _MOST // len(gaps)), 100)
    if blocks is None:
        noise = calibrated_noise(cells, n_resamples, generator)
        spread = noise * _widened(cells, noise)
    else:
        spread = noise = block_noise(cells, blocks, n_resamples, generator)
    calibrated = cells.error(noise)
    low, high = _sizes(cells, gaps, spread, found, (1 - level) / 2)
    return CalibrationError(
        ece=found,
        debiased=found * _share_not_noise(gaps, noise.std(axis=0)),
        expected=float(calibrated.mean()),
        band=float(np.quantile(calibrated, level)),
        p_value=_p_value(calibrated, found),
        n=cells.n,
        low=low,
        high=high,
        kind=cells.kind,
    )


def _p_value(calibrated: Floats, found: float) -> float:
    p = (1 + int(np.sum(calibrated >= found - 1e-12))) / (len(calibrated) + 1)
    mean, variance = float(calibrated.mean()), float(calibrated.var())
    if p * (len(calibrated) + 1) > 1 or variance <= 0:
        return p
    return min(p, float(special.gammaincc(mean**2 / variance, found * mean / variance)))


def _widened(cells: Cells, noise: Floats) -> Floats:
    """Return by how much each cell's outcomes spread more than a calibrated forecast says."""
    count = np.bincount(cells.codes)
    centred = np.bincount(cells.codes, cells.residual**2) - cells.gaps**2 / count
    spread = np.maximum(centred / np.maximum(noise.var(axis=0), 1e-12), 1)
    return np.asarray(np.sqrt(spread), np.float64)


def _sizes(
    cells: Cells, gaps: Floats, noise: Floats, found: float, tail: float
) -> tuple[float, float]:
    """Return the least and greatest ECE under which the one found is not odd."""

    def above(share: float) -> float:
        return float(np.mean(cells.error(share * gaps + noise) >= found - 1e-12))

    if found == 0:
        return 0.0, 0.0 if not noise.any() else float(np.quantile(cells.error(noise), 1 - tail))
    low = 0.0 if above(0.0) > tail else _crossing(above, tail, 1.0)
    high = _crossing(above, 1 - tail, 4.0 + 4 * float(cells.error(noise).max()) / found)
    return low * found, min(high * found, 1.0)


def _crossing(rising: Callable[[float], float], level: float, end: float) -> float:
    """Return where a rising function of [0, end] passes a level, by halving."""
    start = 0.0
    for _ in range(24):
        middle = (start + end) / 2
        if rising(middle) > level:
            end = middle
        else:
            start = middle
    return (start + end) / 2
