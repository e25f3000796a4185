"""The rows of lowest rank in each stratum, kept while batches go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.sample._batches import Batch
from homeostat.stats import Floats

__all__ = ["Kept"]

_ROOM = 2.0  # rows are thrown out once this many times the wanted ones are held


@dataclass(slots=True, eq=False)
class Kept:
    """Rows so far, at most ``limit[h]`` of stratum h; memory O(sum of limits + a batch).

    Args:
        limit: How many rows each stratum may keep, shape (h,).
    """

    limit: NDArray[np.int64]
    frames: list[pl.DataFrame] = field(default_factory=list)
    parts: list[tuple[Floats, NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=list)
    cut: Floats = field(init=False)
    held: int = 0

    def __post_init__(self) -> None:
        self.cut = np.full(len(self.limit), np.inf)  # ranks above are known to be out

    def add(self, batch: Batch, rank: Floats, stratum: NDArray[np.int64]) -> None:
        """Take in a batch; a row whose rank is infinite is never kept."""
        if not self.frames:
            self._append(batch.frame.clear(), rank[:0], batch.place[:0], stratum[:0])
        rows = np.flatnonzero((rank <= self.cut[stratum]) & np.isfinite(rank))
        if len(rows):
            self._append(batch.frame[rows], rank[rows], batch.place[rows], stratum[rows])
        if self.held > _ROOM * self.limit.sum() + 1024:
            self._shrink()

    def rows(self) -> tuple[pl.DataFrame, Floats, NDArray[np.int64], NDArray[np.int64]]:
        """Return the kept rows in the order of their places: frame, rank, place, stratum."""
        self._shrink()
        rank, place, stratum = self.parts[0]
        order = np.argsort(place, kind="stable")
        return self.frames[0][order], rank[order], place[order], stratum[order]

    def _append(
        self,
        frame: pl.DataFrame,
        rank: Floats,
        place: NDArray[np.int64],
        stratum: NDArray[np.int64],
    ) -> None:
        self.frames.append(frame)
        self.parts.append((rank, place, stratum))
        self.held += frame.height

    def _shrink(self) -> None:
        if not self.frames:
            self._append(pl.DataFrame(), *_nothing())
        rank, place, stratum = (np.concatenate(one) for one in zip(*self.parts, strict=True))
        order = np.lexsort((place, rank, stratum))
        of = stratum[order]
        nth = np.arange(len(of)) - np.searchsorted(of, of)
        kept = order[nth < self.limit[of]]
        full = order[nth == self.limit[of] - 1]
        self.cut[stratum[full]] = rank[full]
        self.frames = [concat(self.frames)[kept]]
        self.parts = [(rank[kept], place[kept], stratum[kept])]
        self.held = len(kept)


def _nothing() -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    return np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)


def concat(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return frames one below the other, numbers widened where batches differ."""
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="vertical_relaxed")
