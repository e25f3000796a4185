"""Calibration: do the rows given 60 % come true 60 % of the time?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from homeostat.core import InputError
from homeostat.stats._binary import Binning, Floats, binned, block_codes, check_binary
from homeostat.stats._intervals import wilson

__all__ = [
    "CalibrationError",
    "Reliability",
    "calibration_error",
    "ece",
    "reliability",
]


@dataclass(frozen=True, slots=True)
class Reliability:
    """The reliability curve: one point a bin that holds any row.

    Args:
        predicted: Mean probability in the bin.
        observed: Share of label 1 in the bin.
        low: Lower end of Wilson's interval of the share.
        high: Upper end.
        count: Rows in the bin.
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    count: tuple[int, ...]


def reliability(
    label: ArrayLike,
    p: ArrayLike,
    *,
    bins: int = 15,
    binning: Binning = "width",
    level: float = 0.95,
) -> Reliability:
    """Return the reliability curve of a binary prediction.

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, shape (n,).
        bins: How many bins.
        binning: ``"width"`` cuts [0, 1] in equal parts, closed on the right, 0 in the first;
            ``"mass"`` cuts at quantiles, equal probabilities kept together.
        level: Confidence of each point's interval.

    Example:
        >>> curve = reliability([1, 1, 1, 0, 0], [0.6] * 5)
        >>> round(curve.predicted[0], 12), curve.observed, curve.count
        (0.6, (0.6,), (5,))
    """
    y, q = check_binary(label, p)
    codes = binned(q, bins, binning)
    count, ones = np.bincount(codes), np.bincount(codes, y)
    around = [wilson(one, total, level=level) for one, total in zip(ones, count, strict=True)]
    return Reliability(
        predicted=tuple((np.bincount(codes, q) / count).tolist()),
        observed=tuple((ones / count).tolist()),
        low=tuple(interval.low for interval in around),
        high=tuple(interval.high for interval in around),
        count=tuple(count.tolist()),
    )


def ece(
    label: ArrayLike,
    p: ArrayLike,
    *,
    bins: int = 15,
    binning: Binning = "width",
    debiased: bool = False,
) -> float:
    """Return the expected calibration error of P(label = 1): the mean gap over the bins.

    A perfect forecast shows an ECE above 0 by chance, the more so the fewer the rows; see
    :func:`calibration_error` for how much.

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, shape (n,).
        bins: How many bins.
        binning: As in :func:`reliability`.
        debiased: Whether the gaps are first shrunk to those whose mean ECE under sampling noise
            is the one seen; 0 where calibrated forecasts show as much on average.

    Source: Naeini et al. 2015; Guo et al. 2017 for the 15 bins.

    Example:
        >>> ece([1] * 8 + [0] * 2, [0.8] * 10)
        0.0
    """
    y, q = check_binary(label, p)
    codes = binned(q, bins, binning)
    gaps = np.abs(np.bincount(codes, y - q))
    found = _rounded(float(gaps.sum()) / len(y))
    if not debiased:
        return found
    return found * _share_not_noise(gaps, np.sqrt(np.bincount(codes, q * (1 - q))))


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
        p_value: Share of calibrated samples with at least the ECE seen.
        n: Rows.
    """

    ece: float
    debiased: float
    expected: float
    band: float
    p_value: float
    n: int


def calibration_error(
    label: ArrayLike,
    p: ArrayLike,
    *,
    blocks: ArrayLike | None = None,
    bins: int = 15,
    binning: Binning = "width",
    level: float = 0.95,
    n_resamples: int = 1000,
    rng: np.random.Generator | int = 0,
) -> CalibrationError:
    """Return the ECE with its consistency band (Brocker and Smith 2007, on the whole of the ECE).

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, shape (n,).
        blocks: Which block (a day) a row is in: outcomes of one day err together, so a
            forecast that is calibrated in the long run strays further in a short window.
        bins: How many bins.
        binning: As in :func:`reliability`.
        level: Confidence of the band.
        n_resamples: How many samples a calibrated forecast is given.
        rng: Generator or seed.
    """
    y, q = check_binary(label, p)
    codes = binned(q, bins, binning)
    gaps = np.abs(np.bincount(codes, y - q))
    found = _rounded(float(gaps.sum()) / len(y))
    generator = np.random.default_rng(rng)
    if blocks is None:
        noise = _independent_gaps(q, codes, n_resamples, generator)
    else:
        noise = _block_gaps(y - q, codes, blocks, n_resamples, generator)
    calibrated = np.abs(noise).sum(axis=1) / len(y)
    return CalibrationError(
        ece=found,
        debiased=found * _share_not_noise(gaps, noise.std(axis=0)),
        expected=float(calibrated.mean()),
        band=float(np.quantile(calibrated, level)),
        p_value=(1 + int(np.sum(calibrated >= found - 1e-12))) / (n_resamples + 1),
        n=len(y),
    )


def _independent_gaps(
    q: Floats, codes: NDArray[np.intp], n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Draw each bin's sum of ``y - q`` for y ~ Bernoulli(q); of many rows by its variance."""
    if len(q) * n_resamples <= 5_000_000:
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(codes.max() + 1))
        drawn = (rng.random((n_resamples, len(q))) < q[order]) - q[order]
        gaps: Floats = np.add.reduceat(drawn, starts, axis=1)
        return gaps
    deviation = np.sqrt(np.bincount(codes, q * (1 - q)))
    return rng.normal(size=(n_resamples, len(deviation))) * deviation


def _block_gaps(
    residual: Floats,
    codes: NDArray[np.intp],
    blocks: ArrayLike,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """Draw each bin's sum of residuals, centred, with the signs of whole blocks at random."""
    block, n_blocks = block_codes(blocks, len(residual))
    if n_blocks < 2:
        raise InputError("Calibration by blocks needs at least two blocks; leave `blocks` out.")
    mean = np.bincount(codes, residual) / np.bincount(codes)
    n = len(mean)
    cells = np.bincount(block * n + codes, residual - mean[codes], minlength=n_blocks * n)
    signs = rng.choice([-1.0, 1.0], size=(n_resamples, n_blocks))
    few = special.stdtrit(n_blocks - 1, 0.975) / special.ndtri(0.975)  # as Student's t allows
    scale = few * np.sqrt(n_blocks / (n_blocks - 1))
    gaps: Floats = scale * (signs @ cells.reshape(n_blocks, n))
    return gaps
