"""Scores of folds: what they tell of two models whose training rows overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.stats._binary import Floats, floats
from homeostat.stats._intervals import Interval, two_sided

__all__ = ["FoldTest", "corrected_interval", "five_by_two", "nadeau_bengio"]


@dataclass(frozen=True, slots=True)
class FoldTest:
    """A mean difference over folds; below 0 the first has the smaller of what was compared."""

    mean: float
    error: float
    interval: Interval
    p_value: float
    folds: int


def corrected_interval(values: Floats, held_share: float, level: float) -> tuple[float, Interval]:
    """Return the mean of one value a fold, and its interval that allows for shared training rows.

    Args:
        values: Shape (folds,), at least two.
        held_share: Held-out over training rows of a fold.
        level: Confidence.

    Source: Nadeau and Bengio 2003, "Inference for the Generalization Error": the variance of
    the mean is taken as ``(1 / folds + held_share)`` times that of the values.
    """
    mean, error = float(values.mean()), _corrected_error(values, held_share)
    half = two_sided(level, len(values) - 1) * error
    return mean, Interval(mean - half, mean + half, level)


def nadeau_bengio(
    score_a: ArrayLike, score_b: ArrayLike, *, held_share: float, level: float = 0.95
) -> FoldTest:
    """Return the mean of ``score_a - score_b`` over folds, by the corrected resampled t-test.

    The plain paired t-test takes folds as independent and, over random splits, calls three in
    ten equal pairs different; this one does not.

    Args:
        score_a: A score or loss a fold, shape (folds,), at least two.
        score_b: The other's on the same folds.
        held_share: Held-out over training rows of a fold: 1/9 for 10 folds, 1/4 for 80/20.
        level: Confidence of the interval.

    Source: Nadeau and Bengio 2003, Machine Learning 52, equation 7.

    Example:
        >>> a, b = [0.81, 0.83, 0.80, 0.84, 0.82], [0.80, 0.81, 0.80, 0.82, 0.80]
        >>> found = nadeau_bengio(a, b, held_share=1 / 4)
        >>> round(found.mean, 3), round(found.p_value, 3)
        (0.014, 0.08)
    """
    a = floats(score_a, "score_a")
    difference = a - floats(score_b, "score_b", n=len(a))
    if len(difference) < 2 or not held_share > 0:
        raise InputError(
            f"Folds are compared by two or more scores and a `held_share` above 0, got "
            f"{len(difference)} folds and {held_share}."
        )
    mean, interval = corrected_interval(difference, held_share, level)
    error = _corrected_error(difference, held_share)
    p = _t_tail(mean, error, len(difference) - 1)
    return FoldTest(mean, error, interval, p, len(difference))


def five_by_two(differences: ArrayLike, *, level: float = 0.95) -> FoldTest:
    """Return the combined 5x2cv F-test of differences from five repeats of two folds.

    Args:
        differences: First less second, shape (5, 2).
        level: Confidence of the interval, which holds the means that F does not reject.

    Source: Alpaydin 1999, Neural Computation 11: F with 10 and 5 degrees of freedom.

    Example:
        >>> differences = [[0.02, 0.03], [0.03, 0.03], [0.02, 0.02], [0.03, 0.02], [0.02, 0.03]]
        >>> found = five_by_two(differences)
        >>> found.p_value < 0.01, round(found.mean, 3)
        (True, 0.025)
    """
    table = np.asarray(differences, np.float64)
    if table.shape != (5, 2):
        raise InputError(f"5x2cv needs differences of shape (5, 2), got {table.shape}.")
    flat = floats(table.ravel(), "differences")
    mean = float(flat.mean())
    variance = float(np.sum((table - table.mean(axis=1, keepdims=True)) ** 2))
    squares = float(np.sum(flat**2))
    if variance == 0:
        p = 1.0 if squares == 0 else 0.0
        return FoldTest(mean, 0.0, Interval(mean, mean, level), p, 10)
    p = float(special.fdtrc(10, 5, squares / (2 * variance)))
    spread = squares / 10 - mean**2  # moving every difference by c moves the squares by it
    reach = float(special.fdtri(10, 5, level)) * 2 * variance / 10 - spread
    half = math.sqrt(max(reach, 0.0))
    return FoldTest(
        mean, math.sqrt(variance / 10), Interval(mean - half, mean + half, level), p, 10
    )


def _corrected_error(values: Floats, held_share: float) -> float:
    return math.sqrt((1 / len(values) + held_share) * float(values.var(ddof=1)))


def _t_tail(mean: float, error: float, df: int) -> float:
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * special.stdtr(df, -abs(mean) / error))
