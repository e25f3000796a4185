"""The order of predictions: AUC and average precision, with what each row adds to their error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.stats._binary import Floats, labels, score_codes, weights
from homeostat.stats._intervals import Interval, influence_error, two_sided, wilson

__all__ = ["auc_influence", "auc_interval", "average_precision_influence"]


def auc_influence(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None
) -> tuple[float, Floats] | None:
    """Return the AUC and what each row adds to its error, shape (n,); None for one class.

    Source: the structural components of DeLong, DeLong and Clarke-Pearson 1988, by ranks.
    """
    y = labels(label)
    code = score_codes(score, len(y))
    w = np.ones(len(y)) if weight is None else weights(weight, n=len(y))
    ones, zeros = np.bincount(code, w * y), np.bincount(code, w * (1 - y))
    n_ones, n_zeros = float(ones.sum()), float(zeros.sum())
    if not n_ones or not n_zeros:
        return None
    below = (np.cumsum(zeros) - zeros / 2) / n_zeros  # share of the 0s a score beats
    above = 1 - (np.cumsum(ones) - ones / 2) / n_ones  # share of the 1s that beat a score
    area = float(ones @ below) / n_ones
    placed = np.where(y == 1, (below[code] - area) / n_ones, (above[code] - area) / n_zeros)
    return area, w * placed


def average_precision_influence(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None
) -> tuple[float, Floats] | None:
    """Return the average precision and what each row adds to its error, shape (n,).

    Returns:
        None where no row has label 1. The influence is the derivative in a row's weight, which
        moves the precision at each threshold below the row's score.
    """
    y = labels(label)
    code = score_codes(score, len(y))
    w = np.ones(len(y)) if weight is None else weights(weight, n=len(y))
    place = code.max(initial=0) - code  # from the highest score down
    ones, taken = np.bincount(place, w * y), np.cumsum(np.bincount(place, w))
    n_ones = float(ones.sum())
    if not n_ones:
        return None
    taken = np.maximum(taken, np.finfo(np.float64).tiny)
    precision = np.cumsum(ones) / taken
    value = float(ones @ precision) / n_ones
    gained = np.cumsum((ones / taken)[::-1])[::-1]
    lost = np.cumsum((ones * precision / taken)[::-1])[::-1]
    return value, w * (y * (precision - value + gained)[place] - lost[place]) / n_ones


def auc_interval(
    label: ArrayLike, score: ArrayLike, blocks: ArrayLike | None = None, *, level: float = 0.95
) -> Interval | None:
    """Return DeLong's interval of the AUC on the logit scale, over blocks where given.

    Returns:
        None for one class or fewer than two blocks. A perfect order has no spread of its own:
        it gets Wilson's interval for as many trials as the rarer class has rows.

    Source: DeLong et al. 1988; for clusters Obuchowski 1997, Biometrics 53.
    """
    found = auc_influence(label, score)
    if found is None:
        return None
    area, influence = found
    error, n_blocks = influence_error(influence, blocks)
    if n_blocks < 2:
        return None
    if min(area, 1 - area) <= 1e-12 or error == 0:
        trials = float(min(np.bincount(labels(label).astype(np.intp)).min(), n_blocks))
        return wilson(min(area, 1.0) * trials, trials, level=level)
    centre = float(special.logit(area))
    half = two_sided(level, n_blocks - 1) * error / (area * (1 - area))
    low, high = special.expit([centre - half, centre + half])
    return Interval(float(low), float(high), level)
