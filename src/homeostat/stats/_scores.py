"""Scores of a binary prediction, and the confusion of a decision."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from homeostat.stats._binary import Floats, check_binary, labels, score_codes, weights

__all__ = [
    "Confusion",
    "auc",
    "average_precision",
    "brier",
    "confusion",
    "log_loss",
    "log_losses",
    "normalized_entropy",
]

_EPS = 1e-15  # a certain and wrong prediction costs -ln(1e-15), about 34.5, not infinity


def log_losses(label: ArrayLike, p: ArrayLike) -> Floats:
    """Return each row's log loss in nats, with ``p`` clipped to [1e-15, 1 - 1e-15].

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, in [0, 1], shape (n,).

    Example:
        >>> log_losses([1, 0], [0.9, 0.5]).round(7).tolist()
        [0.1053605, 0.6931472]
    """
    y, q = check_binary(label, p)
    losses: Floats = -np.log(np.clip(np.where(y == 1, q, 1 - q), _EPS, 1 - _EPS))
    return losses


def log_loss(label: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the mean log loss in nats; see :func:`log_losses`."""
    return _mean(log_losses(label, p), weight)


def brier(label: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the mean squared error of the probabilities (Brier 1950).

    Example:
        >>> round(brier([1, 1, 1, 0, 0], [0.6] * 5), 12)
        0.24
    """
    y, q = check_binary(label, p)
    return _mean((y - q) ** 2, weight)


def normalized_entropy(
    label: ArrayLike, p: ArrayLike, *, base_rate: float | None = None
) -> float | None:
    """Return the log loss over that of a constant prediction; below 1 is better than it.

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, shape (n,).
        base_rate: The constant; None takes the rate of these rows.

    Returns:
        None where the rows hold one class only: their own constant then loses nothing.

    Source: He et al. 2014, "Practical Lessons from Predicting Clicks on Ads at Facebook".
    """
    y, q = check_binary(label, p)
    rate = float(y.mean()) if base_rate is None else base_rate
    if base_rate is None and rate in {0.0, 1.0}:
        return None
    return log_loss(y, q) / log_loss(y, np.full(len(y), rate))


def auc(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float | None:
    """Return the area under the ROC curve: the chance that a 1 scores above a 0, ties a half.

    Args:
        label: 0 or 1, shape (n,).
        score: Any finite number that grows with the chance of 1, shape (n,).
        weight: Not negative, shape (n,); None weighs rows alike.

    Returns:
        None where one of the classes has no weight. Cost: O(n log n).

    Example:
        >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.75
    """
    y = labels(label)
    code = score_codes(score, len(y))
    w = np.ones(len(y)) if weight is None else weights(weight, n=len(y))
    ones, zeros = np.bincount(code, w * y), np.bincount(code, w * (1 - y))
    total = float(ones.sum() * zeros.sum())
    if total <= 0:
        return None
    return float(ones @ (np.cumsum(zeros) - zeros / 2)) / total


def average_precision(label: ArrayLike, score: ArrayLike) -> float | None:
    """Return the mean precision over the recalls reached, tied scores taken together.

    Returns:
        None where no row has label 1. Unlike :func:`auc` it changes when classes are swapped.
    """
    y = labels(label)
    code = score_codes(score, len(y))
    if not y.any():
        return None
    ones, rows = np.bincount(code, y)[::-1], np.bincount(code)[::-1]
    return float(ones @ (np.cumsum(ones) / np.cumsum(rows)) / ones.sum())


@dataclass(frozen=True, slots=True)
class Confusion:
    """Decisions against labels, class 1 as the positive one; a rate over no row is 0, not NaN.

    Args:
        tp: Label 1 decided 1.
        fp: Label 0 decided 1.
        fn: Label 1 decided 0.
        tn: Label 0 decided 0.

    Example:
        Which class is called 1 decides the ranking: two cancer models of equal accuracy.

        >>> a, b = Confusion(10, 10, 90, 890), Confusion(90, 90, 10, 810)
        >>> (a.accuracy, round(a.f1, 4)), (b.accuracy, round(b.f1, 4))
        ((0.9, 0.1667), (0.9, 0.6429))
        >>> a.swapped().f1 > b.swapped().f1
        True
    """

    tp: float
    fp: float
    fn: float
    tn: float

    @property
    def n(self) -> float:
        """How many rows there are."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def accuracy(self) -> float:
        """Share of decisions that are right; symmetric in the classes."""
        return _ratio(self.tp + self.tn, self.n)

    @property
    def precision(self) -> float:
        """Share of those decided 1 that are 1."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the 1s that are decided 1 (sensitivity)."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float:
        """Share of the 0s that are decided 0."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that occur; symmetric."""
        present = (self.tp + self.fn > 0) + (self.tn + self.fp > 0)
        return _ratio(self.recall + self.specificity, present)

    @property
    def mcc(self) -> float:
        """Matthews' correlation of decision and label; 0 where one of them is constant."""
        sides = (self.tp + self.fp, self.tp + self.fn, self.tn + self.fp, self.tn + self.fn)
        return _ratio(self.tp * self.tn - self.fp * self.fn, math.sqrt(math.prod(sides)))

    def swapped(self) -> Confusion:
        """Return the same decisions with class 0 as the positive one."""
        return Confusion(self.tn, self.fn, self.fp, self.tp)


def confusion(label: ArrayLike, predicted: ArrayLike) -> Confusion:
    """Count decisions against labels, both 0 or 1 of shape (n,)."""
    y = labels(label)
    d = labels(predicted, "predicted", n=len(y))
    tn, fp, fn, tp = np.bincount((2 * y + d).astype(np.intp), minlength=4).tolist()
    return Confusion(tp, fp, fn, tn)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _mean(values: Floats, weight: ArrayLike | None) -> float:
    if weight is None:
        return float(values.mean())
    return float(np.average(values, weights=weights(weight, n=len(values))))
