"""Where the mass of a column has gone, in words and as a distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from homeostat.data import ColumnEdges

__all__ = ["moved"]


def moved(edges: ColumnEdges, now: NDArray[np.int64], then: NDArray[np.int64]) -> tuple[float, str]:
    """Return how far two counts of a column's cells lie apart, and how, for people.

    The distance is the greatest difference of the share above a value for numbers and times
    (Kolmogorov-Smirnov), half the sum of differences for text (total variation); or that of the
    share without a value, where it is greater.

    Args:
        edges: The cells.
        now: Counts by cell, (cells + 1,); rows without a value are the last.
        then: Counts before, likewise.
    """
    if now.sum() == 0 or then.sum() == 0:
        return 0.0, "there are no rows to compare"
    missing = now[-1] / now.sum(), then[-1] / then.sum()
    lost = abs(missing[0] - missing[1])
    told = f"{missing[0]:.0%} have no value, {missing[1]:.0%} had none"
    if now[:-1].sum() == 0 or then[:-1].sum() == 0:
        return float(lost), told
    distance, words = _filled(edges, now[:-1] / now[:-1].sum(), then[:-1] / then[:-1].sum())
    return (float(lost), told) if lost > distance else (distance, words)


def _filled(
    edges: ColumnEdges, q: NDArray[np.float64], p: NDArray[np.float64]
) -> tuple[float, str]:
    if edges.type == "string":
        cell = int(np.argmax(np.abs(q - p)))
        words = f"{edges.label(cell)} is {q[cell]:.0%} of values, was {p[cell]:.0%}"
        return float(np.abs(q - p).sum()) / 2, words
    apart = np.cumsum(q - p)[:-1]
    if len(apart) == 0:
        return 0.0, "all values are in one cell"
    cut = int(np.argmax(np.abs(apart)))
    above, was = 1 - np.cumsum(q)[cut], 1 - np.cumsum(p)[cut]
    return float(abs(apart[cut])), f"{above:.0%} lie above {edges.upper(cut)}, {was:.0%} did"
