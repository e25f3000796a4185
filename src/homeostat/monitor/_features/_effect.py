"""What a feature's shift does to the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Effect", "EffectModel"]

_SHRINK = 20.0  # rows
_REACH = 4  # cells
_Z = 1.96
_MOST_UNSEEN = 0.5

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

    @property
    def known(self) -> bool:
        """Whether the reference has most of what the window has, so that it can tell."""
        return self.unseen <= _MOST_UNSEEN


@dataclass(frozen=True, slots=True, eq=False)
class EffectModel:
    """The mean loss in each cell of a feature, and the same without each reference window.

    A window's effect is the sum over cells of (its share - the reference's share) times the
    cell's mean loss in the reference: how the loss changes if the feature's distribution moved
    and, given the feature, nothing else did. Its interval has two parts: how well the cells'
    losses are known (jackknife over windows, Efron and Stein 1981, with as many degrees of freedom
    as windows share in the spread) and the window's own size.
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
        known = self._half(self.without @ (q - p)) ** 2
        sampled = _Z**2 * max(float(q @ self.mean**2 - (q @ self.mean) ** 2), 0.0) / n
        half = float(np.sqrt(known + sampled))
        return Effect(value, value - half, value + half, float(q[~self.seen].sum()))

    @staticmethod
    def _half(folds: _Floats) -> float:
        """Return half the jackknife's interval; few windows that matter are few to know it by."""
        if len(folds) < 2:
            return float("inf")
        squares = (folds - folds.mean()) ** 2
        total = float(squares.sum())
        if total == 0:
            return 0.0
        dof = max(total**2 / float((squares**2).sum()) - 1, 2.0)
        error = np.sqrt((len(folds) - 1) / len(folds) * total)
        return float(special.stdtrit(dof, 0.975) * error)


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
