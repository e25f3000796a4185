"""The screen: which of many columns are worth tables and pairs, at a cost that is bounded.

All columns are looked at one by one, in blocks, on few rows. Pairs grow with the square of the
columns, so they are tried among the most telling, and each with the column it goes with most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["Screened", "ranks_of", "screen", "told_alone"]

Floats = NDArray[np.float64]
Ranks = NDArray[np.float32]

_ROWS = 2000  # rows on which single columns are compared
_BLOCK = 256  # columns at a time
_BINS = 12
_EFFORT, _MOST = 2e7, 32  # rows times pairs that are tried, and most columns in pairs
_PARTNERS = 2000  # columns up to which the nearest partner of each is looked for


@dataclass(frozen=True, slots=True)
class Screened:
    """Which columns are looked at closely, and what was left out.

    Args:
        chosen: The columns, in the order of the frame.
        columns: How many there were.
    """

    chosen: tuple[str, ...]
    columns: int

    @property
    def not_looked_at(self) -> str:
        """What was not looked at, in words; empty where all was."""
        left = self.columns - len(self.chosen)
        if not left:
            return ""
        pairs = self.columns * (self.columns - 1) // 2
        tried = len(self.chosen) * (len(self.chosen) - 1) // 2
        return (
            f"all {self.columns:,} columns were looked at alone on {_ROWS:,} rows; closely, and "
            f"in pairs, only the {len(self.chosen):,} most telling: {pairs - tried:,} of "
            f"{pairs:,} pairs were not looked at"
        )


def screen(frame: pl.DataFrame, label: Floats, rng: np.random.Generator) -> Screened:
    """Choose columns so that their pairs stay within a fixed effort.

    Args:
        frame: Candidate columns, shape (n, p).
        label: 0 or 1, shape (n,).
        rng: For the sample of rows.
    """
    most = max(8, min(_MOST, int((2 * _EFFORT / max(frame.height, 1)) ** 0.5)))
    if frame.width <= most:
        return Screened(tuple(frame.columns), frame.width)
    rows = rng.permutation(frame.height)[:_ROWS]
    sample, y = frame[rows], label[rows]
    told = np.empty(frame.width)
    ranks = np.empty((rows.size, frame.width if frame.width <= _PARTNERS else 0), np.float32)
    for start in range(0, frame.width, _BLOCK):
        rank = ranks_of(sample[:, start : start + _BLOCK])
        told[start : start + rank.shape[1]] = told_alone(rank, y)
        if ranks.size:
            ranks[:, start : start + rank.shape[1]] = rank
    order = np.argsort(-told, kind="stable")
    chosen = set(order[: most if not ranks.size else 2 * most // 3].tolist())
    if ranks.size:
        chosen |= set(_partners(ranks, order)[: most - len(chosen)])
    names = tuple(name for i, name in enumerate(frame.columns) if i in chosen)
    return Screened(names, frame.width)


def ranks_of(sample: pl.DataFrame) -> Ranks:
    """Return each column's ranks in [0, 1], ties alike, nulls last; texts by their order."""
    plain = sample.with_columns(
        pl.col(pl.Categorical, pl.Enum).cast(pl.String), pl.col(pl.Boolean).cast(pl.Int8)
    )
    ranked = plain.select(pl.all().rank("average"))
    numbers = ranked.cast(pl.Float32).fill_null(sample.height).to_numpy()
    held: Ranks = (numbers / max(sample.height, 1)).astype(np.float32)
    return held


def told_alone(rank: Ranks, y: Floats) -> Floats:
    """Return the AUC, on the same rows, of each column's rate in bins: quick, a little high."""
    bins = np.minimum((rank * _BINS).astype(np.int64), _BINS - 1)
    cell = bins + np.arange(rank.shape[1]) * _BINS
    size = rank.shape[1] * _BINS
    rows = np.bincount(cell.ravel(), minlength=size).reshape(-1, _BINS).astype(float)
    weight = np.repeat(y, rank.shape[1])
    ones = np.bincount(cell.ravel(), weight, minlength=size).reshape(-1, _BINS)
    zeros = rows - ones
    order = np.argsort((ones + y.mean()) / (rows + 1), axis=1)
    ones, zeros = np.take_along_axis(ones, order, 1), np.take_along_axis(zeros, order, 1)
    below = np.cumsum(zeros, axis=1) - zeros / 2
    area: Floats = (ones * below).sum(1) / max(float(y.sum() * (y.size - y.sum())), 1.0)
    return area


def _partners(ranks: Ranks, order: NDArray[np.intp]) -> list[int]:
    """Return, the closest pair first, columns that go together and so may differ by the label."""
    centred: Ranks = (ranks - ranks.mean(axis=0)).astype(np.float32)
    spread = np.sqrt((centred**2).sum(axis=0))
    centred /= np.where(spread > 0, spread, 1)
    alike = np.abs(centred.T @ centred)
    np.fill_diagonal(alike, 0)
    alike[alike > 0.9999] = 0  # a copy adds nothing
    best = alike.argmax(axis=1)
    height = alike[np.arange(best.size), best]
    first = np.lexsort((np.argsort(order), -height))
    return [int(i) for one in first for i in (one, best[one])]
