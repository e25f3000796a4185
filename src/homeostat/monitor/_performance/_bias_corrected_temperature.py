"""Bias-corrected temperature scaling: one temperature and one shift a class, by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.stats import Floats, check_classes, class_probabilities

__all__ = ["BiasCorrectedTemperature"]

_FLOOR = 1e-12
_RIDGE = (
    3.0  # a normal prior of sd 0.58 a number: with few rows it errs less, with many it is nothing
)


@dataclass(frozen=True, slots=True)
class BiasCorrectedTemperature:
    """Class probabilities mapped by ``softmax(inverse * log p + shift)``.

    Unlike a temperature alone it makes the mean probability of each class right, which is what
    an estimate of class shares rests on.

    Args:
        inverse: 1 / temperature.
        shift: One number a class, shape (k,), mean 0.

    Source: Alexandari, Kundaje and Shrikumar 2020, "Maximum likelihood with bias-corrected
    calibration is hard-to-beat at label shift adaptation", ICML.
    """

    inverse: float
    shift: tuple[float, ...]

    @classmethod
    def fit(
        cls,
        label: ArrayLike,
        p: ArrayLike,
        *,
        weight: Floats | None = None,
        start: Self | None = None,
    ) -> Self:
        """Fit by maximum likelihood; convex. Every class must have a row.

        Args:
            label: Class numbers, shape (n,).
            p: Probabilities, shape (n, k).
            weight: Of each row, shape (n,); None weighs rows alike.
            start: Where to begin.
        """
        y, q = check_classes(label, p)
        k = q.shape[1]
        w = np.ones(len(y)) if weight is None else weight
        if (np.bincount(y, w, minlength=k) == 0).any():
            raise InputError(
                "Bias-corrected temperature scaling needs rows of every class: "
                f"{int((np.bincount(y, w, minlength=k) == 0).sum())} of {k} have none."
            )
        z = np.log(np.maximum(q, _FLOOR))
        found = np.r_[1.0, np.zeros(k)] if start is None else np.r_[start.inverse, start.shift]
        found = _newton(z, y, w, found)
        shift = found[1:] - found[1:].mean()
        return cls(float(found[0]), tuple(shift.tolist()))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return mapped probabilities, shape (n, k)."""
        z = np.log(np.maximum(class_probabilities(p), _FLOOR))
        mapped: Floats = special.softmax(self.inverse * z + np.array(self.shift), axis=1)
        return mapped


def _newton(z: Floats, y: np.typing.NDArray[np.intp], w: Floats, found: Floats) -> Floats:
    """Return 1 / temperature and shifts of least penalised loss."""
    k, own = z.shape[1], z[np.arange(len(y)), y]
    counts = np.bincount(y, w, minlength=k)
    target = np.r_[w @ own, counts]
    start = np.r_[1.0, np.zeros(k)]

    def loss(at: Floats) -> float:
        line = at[0] * z + at[1:]
        return float(
            w @ special.logsumexp(line, axis=1)
            - at @ target
            + _RIDGE / 2 * ((at - start) ** 2).sum()
        )

    now = loss(found)
    for _ in range(50):
        q = special.softmax(found[0] * z + found[1:], axis=1)
        wq = w[:, None] * q
        mean = (q * z).sum(axis=1)
        slope = np.r_[w @ mean, wq.sum(axis=0)] - target + _RIDGE * (found - start)
        curve = np.empty((k + 1, k + 1))
        curve[0, 0] = (wq * z * z).sum() - w @ mean**2
        curve[0, 1:] = curve[1:, 0] = (wq * (z - mean[:, None])).sum(axis=0)
        curve[1:, 1:] = np.diag(wq.sum(axis=0)) - wq.T @ q
        step = np.linalg.solve(curve + _RIDGE * np.eye(k + 1), slope)
        scale, before = 1.0, now
        while (now := loss(found - scale * step)) > before and scale > 1e-6:
            scale /= 2
        if now > before:
            return found
        found = found - scale * step
        if np.abs(scale * step).max() < 1e-7:
            break
    bounded: Floats = np.r_[max(float(found[0]), 1e-3), found[1:]]
    return bounded
