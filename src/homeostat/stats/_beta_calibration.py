"""Beta calibration: a map for scores that bend at both ends, in three numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import Json
from homeostat.stats._binary import Floats, probabilities
from homeostat.stats._logistic import logistic
from homeostat.stats._recalibration import fitted_on

__all__ = ["Beta"]

_EPS = 1e-12


@dataclass(frozen=True, slots=True)
class Beta:
    """Log-odds ``a * log(p) - b * log(1 - p) + c``, with a and b not negative.

    Holds the identity (1, 1, 0), which Platt's map on raw scores does not, and both S and
    inverse-S shapes.

    Source: Kull, Silva Filho and Flach 2017, "Beta calibration", equation 5.

    Example:
        >>> Beta(a=1.0, b=1.0, c=0.0)([0.25]).round(6).tolist()
        [0.25]
    """

    a: float
    b: float
    c: float

    @classmethod
    def fit(cls, label: ArrayLike, p: ArrayLike) -> Self:
        """Fit by maximum likelihood; a coefficient that would fall below 0 is held there."""
        y, _ = fitted_on(label, p)
        x = _bent(probabilities(p))
        a, b, c = logistic(x, y)
        if a < 0:
            a, (b, c) = 0.0, logistic(x[1:], y)
        elif b < 0:
            b, (a, c) = 0.0, logistic(x[:1], y)
        return cls(max(float(a), 0.0), max(float(b), 0.0), float(c))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return the mapped probabilities, shape (n,)."""
        x = _bent(probabilities(p))
        mapped: Floats = special.expit(self.a * x[0] + self.b * x[1] + self.c)
        return mapped

    def to_json(self) -> dict[str, Json]:
        """Return the parameters as a plain JSON object."""
        return {"a": self.a, "b": self.b, "c": self.c}

    @classmethod
    def from_json(cls, data: Mapping[str, float]) -> Self:
        """Rebuild from :meth:`to_json`."""
        return cls(data["a"], data["b"], data["c"])


def _bent(q: Floats) -> Floats:
    """Return log p and -log(1 - p), shape (2, n)."""
    held = np.clip(q, _EPS, 1 - _EPS)
    return np.stack([np.log(held), -np.log1p(-held)])
