"""The Brier score taken apart: how far off, how telling, how uncertain the label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from homeostat.stats._binary import Binning, binned, check_binary

__all__ = ["BrierTerms", "brier_terms"]


@dataclass(frozen=True, slots=True)
class BrierTerms:
    """The Brier score taken apart; ``brier`` is their sum, exactly.

    Args:
        reliability: Mean squared gap of the bins: miscalibration, lower is better.
        resolution: Mean squared distance of the bins' outcomes from the base rate: higher is
            better.
        uncertainty: Variance of the label.
        within: What the bins hide: variance of the probabilities within bins less twice their
            covariance with the label; 0 where a bin holds one value only.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float

    @property
    def brier(self) -> float:
        """The Brier score."""
        return self.reliability - self.resolution + self.uncertainty + self.within


def brier_terms(
    label: ArrayLike, p: ArrayLike, *, bins: int = 15, binning: Binning = "width"
) -> BrierTerms:
    """Take the Brier score apart (Murphy 1973; Stephenson et al. 2008 for the terms within bins).

    Example:
        >>> terms = brier_terms([1, 1, 1, 0, 0], [0.6] * 5)
        >>> round(terms.reliability, 12), round(terms.brier, 12)
        (0.0, 0.24)
    """
    y, q = check_binary(label, p)
    codes = binned(q, bins, binning)
    count = np.bincount(codes)
    forecast = np.bincount(codes, q) / count
    outcome = np.bincount(codes, y) / count
    away = q - forecast[codes]
    base = float(y.mean())
    return BrierTerms(
        reliability=float(count @ (forecast - outcome) ** 2) / len(y),
        resolution=float(count @ (outcome - base) ** 2) / len(y),
        uncertainty=base * (1 - base),
        within=float(np.mean(away**2) - 2 * np.mean(away * (y - outcome[codes]))),
    )
