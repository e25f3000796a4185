"""How far a reference's outcomes were off their probabilities, by how sure those were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homeostat.stats import Floats

__all__ = ["Residuals"]

_BINS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """The sampling error of a calibration, in cells of equal rows.

    Args:
        cuts: Upper ends of cells of the model's greatest probability, shape (b,).
        variances: Of the mean residual of each cell, shape (k, b + 1, k, k): the likeliest
            class, the cell, and a covariance over classes.
    """

    cuts: Floats
    variances: Floats

    @classmethod
    def of(cls, y: NDArray[np.intp], q: Floats, p: Floats) -> Self:
        """Measure on rows whose probabilities `q` (n, k) were made without them.

        Args:
            y: Class numbers, shape (n,).
            q: What was learned of each class's probability, shape (n, k).
            p: What the model says, shape (n, k): rows are told apart by this, as it is the same
                in a window, where `q` is by another fold's map.
        """
        k, top = q.shape[1], p.max(axis=1)
        bins = int(np.clip(len(y) // (50 * k), 1, _BINS))
        cuts = np.unique(np.quantile(top, np.arange(1, bins) / bins))
        cell = p.argmax(axis=1) * (len(cuts) + 1) + np.searchsorted(cuts, top)
        off = np.eye(k)[y] - q
        size = k * (len(cuts) + 1)
        rows = np.bincount(cell, minlength=size)
        variances = np.empty((size, k, k))
        whole = off.T @ off / len(y)
        for one in range(size):
            inside = off[cell == one]
            # ten rows' worth of the whole: a cell of a few rows knows little of its own spread
            variances[one] = (inside.T @ inside + 10 * whole) / (rows[one] + 10) / max(rows[one], 1)
        return cls(cuts, variances.reshape(k, len(cuts) + 1, k, k))

    def error(self, p: Floats, slope: Floats) -> float:
        """Return the standard error of a metric with derivative `slope` (n, k) in `q` (n, k)."""
        k, flat = p.shape[1], self.variances.reshape(-1, p.shape[1], p.shape[1])
        cell = self.cells(p)
        each = np.stack([np.bincount(cell, slope[:, c], minlength=len(flat)) for c in range(k)], 1)
        return float(np.sqrt(max(np.einsum("bi,bij,bj->", each, flat, each), 0.0)))

    def cells(self, p: Floats) -> NDArray[np.intp]:
        """Return the cell of each row, shape (n,)."""
        inside = np.searchsorted(self.cuts, p.max(axis=1))
        cell: NDArray[np.intp] = p.argmax(axis=1) * (len(self.cuts) + 1) + inside
        return cell

    def shaken(self, q: Floats, p: Floats, rng: np.random.Generator) -> Floats:
        """Return probabilities as another reference of the same size could have given them."""
        flat = self.variances.reshape(-1, q.shape[1], q.shape[1])
        shifts = np.stack([_normal(one, rng) for one in flat])
        moved = np.clip(q + shifts[self.cells(p)], 1e-9, 1)
        shaken: Floats = moved / moved.sum(axis=1, keepdims=True)
        return shaken


def _normal(covariance: Floats, rng: np.random.Generator) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    drawn: Floats = vectors @ (np.sqrt(np.maximum(values, 0)) * rng.normal(size=len(values)))
    return drawn
