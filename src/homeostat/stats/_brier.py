"""The Brier score taken apart: how far off, how telling, how uncertain the label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from homeostat.stats._binary import Binning, Floats, binned, check_binary
from homeostat.stats._multiclass import check_classes

__all__ = ["BrierTerms", "brier_terms"]


@dataclass(frozen=True, slots=True)
class BrierTerms:
    """The Brier score taken apart; ``brier`` is the sum of the five terms, exactly.

    Args:
        reliability: Mean squared gap of the bins: miscalibration, lower is better.
        resolution: Mean squared distance of the bins' outcomes from the base rate: higher is
            better.
        uncertainty: Variance of the label.
        variance: Variance of the probabilities within bins; 0 where a bin holds one value only.
        covariance: Twice their covariance with the label within bins: higher is better.
    """

    reliability: float
    resolution: float
    uncertainty: float
    variance: float
    covariance: float

    @property
    def within(self) -> float:
        """What the bins hide: variance less covariance."""
        return self.variance - self.covariance

    @property
    def three_terms(self) -> float:
        """Murphy's sum, which is the Brier score only where each bin holds one value."""
        return self.reliability - self.resolution + self.uncertainty

    @property
    def brier(self) -> float:
        """The Brier score: the sum of all five terms."""
        return self.three_terms + self.within


def brier_terms(
    label: ArrayLike, p: ArrayLike, *, bins: int = 15, binning: Binning = "width"
) -> BrierTerms:
    """Take the Brier score apart (Murphy 1973; Stephenson et al. 2008 for the terms within bins).

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        p: Probability of label 1, shape (n,), or of each class, shape (n, k): the terms are then
            summed over classes, and the score is between 0 and 2.
        bins: How many bins.
        binning: As in :func:`reliability`.

    Example:
        >>> terms = brier_terms([1, 1, 1, 0, 0], [0.6] * 5)
        >>> round(terms.reliability, 12), round(terms.brier, 12)
        (0.0, 0.24)
    """
    if np.ndim(p) == 2:
        numbers, whole = check_classes(label, p)
        pairs = [((numbers == i).astype(np.float64), whole[:, i]) for i in range(whole.shape[1])]
    else:
        pairs = [check_binary(label, p)]
    return BrierTerms(*np.sum([_terms(y, q, bins, binning) for y, q in pairs], axis=0).tolist())


def _terms(y: Floats, q: Floats, bins: int, binning: Binning) -> list[float]:
    codes = binned(q, bins, binning)
    count = np.bincount(codes)
    forecast = np.bincount(codes, q) / count
    outcome = np.bincount(codes, y) / count
    away = q - forecast[codes]
    base = float(y.mean())
    return [
        float(count @ (forecast - outcome) ** 2) / len(y),
        float(count @ (outcome - base) ** 2) / len(y),
        base * (1 - base),
        float(np.mean(away**2)),
        float(2 * np.mean(away * (y - outcome[codes]))),
    ]
