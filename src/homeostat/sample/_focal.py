"""Focal loss: rows that are right already count for less; with what boosted trees need of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from homeostat.core import InputError
from homeostat.stats import Floats, floats

__all__ = ["FocalLoss"]


@dataclass(frozen=True, slots=True)
class FocalLoss:
    """``-alpha_t (1 - p_t) ** gamma log(p_t)`` on the log-odds, for classes 0 and 1.

    Callable as an objective of LightGBM's scikit-learn interface:
    ``LGBMClassifier(objective=FocalLoss(2.0))``, whose scores are then log-odds. What a model
    learns under it is not a probability: :meth:`calibrate` makes it one.

    Args:
        gamma: How fast easy rows fade, at least 0; 0 is the log loss.
        alpha: Weight of class 1, that of class 0 being ``1 - alpha``; None weighs both 1.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection".

    Example:
        >>> FocalLoss(2.0).value([1, 0], special.logit([0.9, 0.1])).round(8).tolist()
        [0.00105361, 0.00105361]
    """

    gamma: float = 2.0
    alpha: float | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.gamma) and self.gamma >= 0):
            raise InputError(f"`gamma` is at least 0, got {self.gamma}.")
        if self.alpha is not None and not 0 < self.alpha < 1:
            raise InputError(f"`alpha` lies in (0, 1), got {self.alpha}.")

    def value(self, label: ArrayLike, score: ArrayLike) -> Floats:
        """Return each row's loss in nats, shape (n,), from log-odds; never NaN."""
        _, weight, z = self._turned(label, score)
        return np.asarray(weight * special.expit(-z) ** self.gamma * np.logaddexp(0, -z))

    def gradient(self, label: ArrayLike, score: ArrayLike) -> Floats:
        """Return the derivative of :meth:`value` in the score, shape (n,)."""
        sign, weight, z = self._turned(label, score)
        p, q, minus_log = special.expit(z), special.expit(-z), np.logaddexp(0, -z)
        g = self.gamma
        return np.asarray(-sign * weight * q**g * (q + g * p * minus_log))

    def hessian(self, label: ArrayLike, score: ArrayLike) -> Floats:
        """Return the second derivative, shape (n,); below 0 where a row is very wrong."""
        _, weight, z = self._turned(label, score)
        p, q, minus_log = special.expit(z), special.expit(-z), np.logaddexp(0, -z)
        g = self.gamma
        bend = (1 + 2 * g) * q + g * (g * p - q) * minus_log
        return np.asarray(weight * p * q**g * bend)

    def __call__(
        self, label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None
    ) -> tuple[Floats, Floats]:
        """Return gradient and hessian for boosting, the latter kept above 0.

        A Newton step needs a positive curvature, so where the loss bends the other way the
        hessian is taken as a small positive number.
        """
        w = np.ones(len(np.asarray(label))) if weight is None else floats(weight, "weight")
        hessian = np.maximum(self.hessian(label, score), 1e-6)
        return self.gradient(label, score) * w, hessian * w

    def start(self, label: ArrayLike) -> float:
        """Return the constant log-odds of least loss: where boosting should start."""
        y = floats(label, "label")
        rate = float(y.mean()) if len(y) else 0.5
        if rate in {0.0, 1.0}:
            raise InputError("A start needs both classes, the label has one value.")
        both, share = np.array([1.0, 0.0]), np.array([rate, 1 - rate])

        def slope(z: float) -> float:
            return float(share @ self.gradient(both, np.array([z, z])))

        return float(optimize.brentq(slope, -50.0, 50.0))

    def calibrate(self, p: ArrayLike) -> Floats:
        """Return the probability of class 1 behind what a model learned under this loss.

        The least expected focal loss is not at the true probability. In closed form, with
        ``h(p) = (1 - p) ** gamma / p - gamma (1 - p) ** (gamma - 1) log(p)``, it is
        ``h(1 - p) / (h(p) + h(1 - p))`` (after Charoenphakdee et al. 2021, theorem 11); alpha
        is a change of prior and is taken back as one.

        Args:
            p: ``expit`` of the model's scores, in [0, 1].

        Example:
            >>> FocalLoss(0.0).calibrate([0.3]).round(12).tolist()
            [0.3]
        """
        q = np.asarray(p, np.float64)
        if not ((q >= 0).all() and (q <= 1).all()):
            raise InputError("Probabilities lie in [0, 1]; pass `expit` of the scores.")
        z = special.logit(np.clip(q, 1e-15, 1 - 1e-15))
        one, zero = (np.log(self._pull(sign * z)) for sign in (1.0, -1.0))
        if self.alpha is not None:
            one, zero = one + np.log(self.alpha), zero + np.log1p(-self.alpha)
        found: Floats = special.expit(zero - one)
        return np.where(q <= 0, 0.0, np.where(q >= 1, 1.0, found))

    def _pull(self, z: Floats) -> Floats:
        """Return minus the derivative of a 1's loss in p, at log-odds z; always positive."""
        p, q = special.expit(z), special.expit(-z)
        return np.asarray(q**self.gamma * (1 / p + self.gamma * np.logaddexp(0, -z) / q))

    def _turned(self, label: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return +1 or -1, the weight, and the log-odds of the actual class of each row."""
        y: Any = floats(label, "label")
        if ((y != 0) & (y != 1)).any():
            raise InputError("Focal loss is for labels 0 and 1.")
        z = floats(score, "score", n=len(y))
        sign = 2 * y - 1
        both = 1.0 if self.alpha is None else np.where(y == 1, self.alpha, 1 - self.alpha)
        return sign, np.broadcast_to(np.asarray(both, np.float64), y.shape), sign * z
