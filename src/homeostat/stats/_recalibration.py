"""Recalibration: maps from a model's probabilities to better ones, fitted on rows kept apart.

Each is a frozen value: ``fit`` makes it, calling it maps probabilities, ``to_json`` keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from homeostat.core import InputError, Json
from homeostat.stats._binary import Floats, check_binary, probabilities
from homeostat.stats._logistic import logistic

__all__ = ["Isotonic", "Platt", "Temperature", "fitted_on"]

_EPS = 1e-15


@dataclass(frozen=True, slots=True)
class Platt:
    """A line on the log-odds: ``expit(slope * logit(p) + intercept)`` (Platt 1999).

    Example:
        >>> Platt(slope=1.0, intercept=0.0)([0.25]).tolist()
        [0.25]
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, label: ArrayLike, p: ArrayLike) -> Self:
        """Fit by maximum likelihood, with Platt's targets so that no separation is infinite."""
        y, z = fitted_on(label, p)
        slope, intercept = logistic(z[None], y)
        return cls(float(slope), float(intercept))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return the mapped probabilities, shape (n,)."""
        mapped: Floats = special.expit(self.slope * _logit(probabilities(p)) + self.intercept)
        return mapped

    def to_json(self) -> dict[str, Json]:
        """Return the parameters as a plain JSON object."""
        return {"slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_json(cls, data: Mapping[str, float]) -> Self:
        """Rebuild from :meth:`to_json`."""
        return cls(data["slope"], data["intercept"])


@dataclass(frozen=True, slots=True)
class Temperature:
    """Log-odds divided by a temperature: no decision at a half, and no order, changes.

    Source: Guo et al. 2017.
    """

    temperature: float

    @classmethod
    def fit(cls, label: ArrayLike, p: ArrayLike) -> Self:
        """Fit by maximum likelihood: convex in 1 / temperature, searched in [0.01, 100]."""
        y, z = fitted_on(label, p)

        def loss(log_inverse: float) -> float:
            line = np.exp(log_inverse) * z
            return float(np.mean(np.logaddexp(0, line) - y * line))

        bound = np.log(100)
        found = optimize.minimize_scalar(loss, bounds=(-bound, bound), method="bounded")
        return cls(float(np.exp(-found.x)))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return the mapped probabilities, shape (n,)."""
        mapped: Floats = special.expit(_logit(probabilities(p)) / self.temperature)
        return mapped

    def to_json(self) -> dict[str, Json]:
        """Return the parameters as a plain JSON object."""
        return {"temperature": self.temperature}

    @classmethod
    def from_json(cls, data: Mapping[str, float]) -> Self:
        """Rebuild from :meth:`to_json`."""
        return cls(data["temperature"])


@dataclass(frozen=True, slots=True)
class Isotonic:
    """The best rising step curve, joined by lines; wants about 1,000 rows or more.

    Its flat parts make ties of what was ordered, so the AUC may change a little.

    Source: Zadrozny and Elkan 2002; pooled adjacent violators.
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]

    @classmethod
    def fit(cls, label: ArrayLike, p: ArrayLike) -> Self:
        """Fit by least squares on the means of equal probabilities."""
        y, _ = fitted_on(label, p)
        knots, codes, counts = np.unique(probabilities(p), return_inverse=True, return_counts=True)
        means = np.bincount(codes, y) / counts
        steps = optimize.isotonic_regression(means, weights=counts).x
        inner = np.r_[True, (steps[1:-1] != steps[:-2]) | (steps[1:-1] != steps[2:]), True]
        kept = inner[-len(knots) :]  # the ends of each flat part say all of it
        return cls(tuple(knots[kept].tolist()), tuple(np.clip(steps[kept], 0, 1).tolist()))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return the mapped probabilities, shape (n,)."""
        return np.interp(probabilities(p), self.predicted, self.observed)

    def to_json(self) -> dict[str, Json]:
        """Return the parameters as a plain JSON object."""
        return {"predicted": list(self.predicted), "observed": list(self.observed)}

    @classmethod
    def from_json(cls, data: Mapping[str, ArrayLike]) -> Self:
        """Rebuild from :meth:`to_json`."""
        predicted, observed = (np.asarray(data[key]).tolist() for key in ("predicted", "observed"))
        return cls(tuple(predicted), tuple(observed))


def fitted_on(label: ArrayLike, p: ArrayLike) -> tuple[Floats, Floats]:
    """Return a label of both classes, and log-odds."""
    y, q = check_binary(label, p)
    if y.min() == y.max():
        raise InputError(f"A recalibration needs both classes, got label {y[0]:g} in every row.")
    return y, _logit(q)


def _logit(q: Floats) -> Floats:
    z: Floats = special.logit(np.clip(q, _EPS, 1 - _EPS))
    return z
