"""Confidence: which predictions to act on, and which to leave to something or someone else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError
from homeostat.stats import Floats, check_binary

__all__ = ["RiskCoverage", "abstain", "confidence_threshold", "risk_coverage"]

ABSTAINED = -1


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """What acting on the surest predictions only would cost; arrays of shape (k,).

    Args:
        confidence: A threshold on ``max(p, 1 - p)``, falling.
        coverage: Share of rows at least as sure.
        risk: Share of those that are wrong.
    """

    confidence: Floats
    coverage: Floats
    risk: Floats

    @property
    def area(self) -> float:
        """Area under the curve of risk over coverage: the mean risk, lower is better."""
        widths = np.diff(self.coverage, prepend=0.0)
        return float(np.sum(widths * self.risk))


def risk_coverage(label: ArrayLike, p: ArrayLike) -> RiskCoverage:
    """Return the risk-coverage curve of decisions at a half (El-Yaniv and Wiener 2010).

    Example:
        >>> curve = risk_coverage([1, 1, 0, 1], [0.9, 0.8, 0.4, 0.4])
        >>> curve.coverage.tolist(), curve.risk.tolist()
        ([0.25, 0.5, 1.0], [0.0, 0.0, 0.25])
    """
    y, q = check_binary(label, p)
    levels, codes = np.unique(np.maximum(q, 1 - q), return_inverse=True)
    rows = np.cumsum(np.bincount(codes)[::-1])
    wrong = np.cumsum(np.bincount(codes, (q >= 0.5) != y)[::-1])
    return RiskCoverage(levels[::-1], rows / len(y), wrong / rows)


def confidence_threshold(
    label: ArrayLike, p: ArrayLike, *, max_risk: float, level: float = 0.95
) -> float | None:
    """Return the least confidence at which the risk is shown to be at most ``max_risk``.

    Thresholds from 1 down to 0.5 in steps of 0.005 are tested in this order, each by the exact
    binomial upper bound on the errors among the rows kept, and the first that fails ends it
    (fixed-sequence testing; Angelopoulos et al. 2021, "Learn then Test"). So over draws of
    independent rows the chance that the true risk is above ``max_risk`` is at most
    ``1 - level``.

    Args:
        label: 0 or 1, shape (n,), of rows the model was not fitted on.
        p: Probability of label 1, shape (n,).
        max_risk: Share of errors among the decisions taken, in (0, 1).
        level: Confidence.

    Returns:
        A threshold for :func:`abstain`, or None where none is shown to do.
    """
    y, q = check_binary(label, p)
    if not 0 < max_risk < 1:
        raise InputError(f"`max_risk` lies in (0, 1), got {max_risk}.")
    confidence, wrong = np.maximum(q, 1 - q), (q >= 0.5) != y
    grid = np.round(np.arange(1.0, 0.4975, -0.005), 3)
    order = np.argsort(-confidence, kind="stable")
    kept = np.searchsorted(-confidence[order], -grid, side="right")
    errors = np.concatenate([[0], np.cumsum(wrong[order])])[kept]
    # The bound is at most max_risk just where so few errors are unlikely at max_risk itself.
    passes = special.bdtr(errors, kept, max_risk) <= 1 - level
    could = (1 - max_risk) ** kept <= 1 - level  # enough rows for a pass without error
    first = int(np.argmax(could))
    if not could.any() or not passes[first]:
        return None
    failed = np.flatnonzero(~passes[first:])
    last = len(grid) if not len(failed) else first + int(failed[0])
    return float(grid[last - 1])


def abstain(p: ArrayLike, *, below: float) -> NDArray[np.int8]:
    """Return decisions 1 and 0, and -1 where the confidence is below a threshold.

    Args:
        p: Probability of label 1, shape (n,).
        below: The least ``max(p, 1 - p)`` to act on, in [0.5, 1]; the others are to be skipped,
            asked again, or handed to a person.

    Example:
        >>> abstain([0.95, 0.6, 0.1], below=0.8).tolist()
        [1, -1, 0]
    """
    if not 0.5 <= below <= 1:
        raise InputError(f"`below` lies in [0.5, 1], got {below}.")
    q = check_binary(np.zeros(np.shape(p)), p)[1]
    return np.where(np.maximum(q, 1 - q) < below, ABSTAINED, q >= 0.5).astype(np.int8)
