"""Where a feature has moved: which quantiles or values, by how much, and how surely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat.core import Json
from homeostat.data import ColumnEdges

__all__ = ["Moved", "moved"]

_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
_NAMED = 5
_Z = 1.96

_Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moved:
    """What has moved most.

    Args:
        words: In words, with both shares.
        change: Change of the share that has changed most: above a cut, or of a value.
        low: Lower end of its 95 % interval, as widened by what windows vary by anyway.
        high: Upper end.
        parts: The quantiles, or the values that have changed most, then and now.
    """

    words: str
    change: float
    low: float
    high: float
    parts: list[dict[str, Json]]

    @property
    def least(self) -> float:
        """The least size that the change surely has."""
        return max(0.0, self.low, -self.high)


def moved(window: _Counts, base: _Counts, edges: ColumnEdges, *, stretch: float) -> Moved:
    """Say where mass has gone.

    Args:
        window: Counts by cell, (cells,).
        base: The reference's.
        edges: The cells.
        stretch: How much more windows vary than independent rows would let them, at least 1.
    """
    n, m = int(window.sum()), int(base.sum())
    q, p = window / n, base / m
    if edges.type == "string" and base[-1] == 0:  # as many are new as came once (Good 1953)
        p[-1] = int((base == 1).sum()) / m
    if edges.type == "string":
        cell = int(np.argmax(np.abs(q - p)))
        now, was = float(q[cell]), float(p[cell])
        words = f"{edges.label(cell)} is {now:.0%} of values, was {was:.0%}"
        order = np.argsort(-np.abs(q - p), kind="stable")[:_NAMED]
        parts: list[dict[str, Json]] = [
            {"value": edges.label(int(c)), "was": float(p[c]), "is": float(q[c])} for c in order
        ]
    elif len(q) == 1:
        words, now, was, parts = "all values are in one cell", 1.0, 1.0, []
    else:
        above, before = (np.clip(1 - np.cumsum(x)[:-1], 0.0, 1.0) for x in (q, p))
        cut = int(np.argmax(np.abs(above - before)))
        now, was = float(above[cut]), float(before[cut])
        words = f"{now:.0%} lie above {edges.upper(cut)}, were {was:.0%}"
        parts = [
            {"quantile": share, "was": _at(p, share, edges), "is": _at(q, share, edges)}
            for share in _SHARES
        ]
    half = _Z * stretch * float(np.sqrt(now * (1 - now) / n + was * (1 - was) / m))
    change = now - was
    return Moved(words, change, max(change - half, -1.0), min(change + half, 1.0), parts)


def _at(shares: NDArray[np.float64], share: float, edges: ColumnEdges) -> str:
    """Name the cell that holds a quantile."""
    return edges.label(int(np.searchsorted(np.cumsum(shares), share - 1e-12)))
