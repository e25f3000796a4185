"""Space: rows as points, and the distance between two of them, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.stats import Floats

__all__ = ["Rows", "Space", "points"]

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Space:
    """Points with a weighted squared Euclidean distance.

    Args:
        x: Coordinates, finite, shape (n, d).
        weight: Of each coordinate's squared difference, not negative, shape (d,).
    """

    x: Floats
    weight: Floats

    @property
    def n(self) -> int:
        """How many points there are."""
        return len(self.x)

    def squared(self, a: Rows, b: Rows) -> Floats:
        """Return the squared distances of pairs of rows, shape (m,).

        Coordinates are added in one order, so d(a, b) is d(b, a) to the last bit, and equal
        rows of whole numbers are at equal distances: ties are ties.
        """
        total = np.zeros(len(a))
        for column, weight in zip(self._columns, self.weight, strict=True):
            total += weight * (column[a] - column[b]) ** 2
        return total

    @cached_property
    def _columns(self) -> list[Floats]:
        return [np.ascontiguousarray(self.x[:, j]) for j in range(self.x.shape[1])]

    @cached_property
    def unit(self) -> float:
        """What coordinates are multiplied by in ``scaled``."""
        norms = np.einsum("ij,ij->i", self._placed, self._placed)
        return float(1 / np.sqrt(norms.max())) if norms.max(initial=0.0) > 0 else 1.0

    @cached_property
    def scaled(self) -> Floats:
        """Points, centred and in the unit ball, at Euclidean distances in proportion, (n, d)."""
        return self._placed * self.unit

    @cached_property
    def _placed(self) -> Floats:
        middle = self.x.mean(axis=0) if self.n else 0.0
        placed: Floats = (self.x - middle) * np.sqrt(self.weight)
        return placed


def points(x: ArrayLike) -> Floats:
    """Return a matrix of finite numbers as float64, shape (n, d)."""
    try:
        table = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"Distances need numbers: {error}.") from error
    if table.ndim != 2 or not table.shape[1]:
        raise InputError(f"Points have the shape (rows, columns), got {table.shape}.")
    if not np.isfinite(table).all():
        raise InputError(
            "Distances need finite numbers, and some are NaN, missing or infinite: fill or drop "
            "them first."
        )
    return table
