"""What a feature's shift does to the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Effect", "EffectModel"]

_SHRINK = 20.0  # rows
_REACH = 4  # cells
_Z = 1.96

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimated change of the mean loss.

    Args:
        value: In units of the loss, positive is worse.
        low: Lower end of the 95 % interval.
        high: Upper end.
        unseen: Share of the window's rows in cells of which the reference has no loss.
    """

    value: float
    low: float
    high: float
    unseen: float


@dataclass(frozen=True, slots=True, eq=False)
class EffectModel:
    """The mean loss in each cell of a feature, and the same without each reference window.

    A window's effect is the sum over cells of (its share - the reference's share) times the
    cell's mean loss in the reference: how the loss changes if the feature's distribution moved
    and, given the feature, nothing else did. Its interval has two parts: how well the cells'
    losses are known (jackknife over windows, Efron and Stein 1981) and the window's own size.
    Cells with few rows are drawn towards their neighbours, those of categories towards the mean;
    a number beyond all that the reference had takes the loss of the nearest cell that has one.

    Args:
        mean: Mean loss of each cell, (cells + 1,); the last is `missing`.
        without: The same without each window, (w, cells + 1).
        seen: Which cells the reference had, (cells + 1,).
    """

    mean: _Floats
    without: _Floats
    seen: NDArray[np.bool_]

    @classmethod
    def learn(cls, rows: _Floats, losses: _Floats, *, ordered: bool) -> Self:
        """Learn from rows and summed losses by window and cell, (w, cells + 1)."""
        all_rows, all_losses = rows.sum(axis=0), losses.sum(axis=0)
        seen = all_rows > 0
        nearest = _nearest(seen, ordered=ordered)
        mean = _means(all_rows[None], all_losses[None], ordered=ordered)[0, nearest]
        without = _means(all_rows - rows, all_losses - losses, ordered=ordered)
        return cls(mean, without[:, nearest], seen)

    def of(self, window: _Floats | NDArray[np.int64], base: NDArray[np.int64]) -> Effect:
        """Estimate the effect of a window's counts against the reference's, (cells + 1,) each."""
        n = float(window.sum())
        q, p = window / n, base / base.sum()
        value = float((q - p) @ self.mean)
        folds = self.without @ (q - p)
        known = (len(folds) - 1) * float(folds.var())
        sampled = max(float(q @ self.mean**2 - (q @ self.mean) ** 2), 0.0) / n
        half = _Z * float(np.sqrt(known + sampled))
        return Effect(value, value - half, value + half, float(q[~self.seen].sum()))


def _means(rows: _Floats, losses: _Floats, *, ordered: bool) -> _Floats:
    """Return the mean loss of each cell, drawn towards its surroundings as if by 20 rows."""
    overall = losses.sum(axis=1, keepdims=True) / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    around = np.broadcast_to(overall, rows.shape)
    if ordered:
        near_rows, near_losses = _neighbours(rows), _neighbours(losses)
        around = (near_losses + overall) / (near_rows + 1)
    return np.asarray((losses + _SHRINK * around) / (rows + _SHRINK))


def _neighbours(sums: _Floats) -> _Floats:
    """Add up each cell and the four to either side; `missing`, the last, stands alone."""
    upto = np.cumsum(np.pad(sums[:, :-1], ((0, 0), (_REACH + 1, _REACH))), axis=1)
    near = upto[:, 2 * _REACH + 1 :] - upto[:, : -2 * _REACH - 1]
    return np.concatenate([near, np.zeros((len(sums), 1))], axis=1)


def _nearest(seen: NDArray[np.bool_], *, ordered: bool) -> NDArray[np.intp]:
    """For each cell, the one whose loss it takes; `missing` and categories take their own."""
    cells = np.arange(len(seen))
    have = np.flatnonzero(seen[:-1])
    if not ordered or len(have) == 0:
        return cells
    right = have[np.minimum(np.searchsorted(have, cells), len(have) - 1)]
    left = have[np.maximum(np.searchsorted(have, cells, side="right") - 1, 0)]
    nearest = np.where(np.abs(cells - left) <= np.abs(right - cells), left, right)
    nearest[-1] = cells[-1]
    return nearest
