"""What a profile keeps of whole rows: a uniform sample, and how many rows are duplicates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["Duplicates", "RowHashes", "RowSample"]

_ROOM = 1 << 24


@dataclass(frozen=True, slots=True)
class Duplicates:
    """How many rows occur more than once.

    Args:
        rows: Rows that equal an earlier row.
        groups: Different rows that occur more than once.
        most: How often the most frequent row occurs.
        exact: Whether all rows were compared; otherwise a fixed share of the distinct rows was.
    """

    rows: int = 0
    groups: int = 0
    most: int = 0
    exact: bool = True


@dataclass(slots=True)
class RowHashes:
    """Hashes of rows, thinned by hash when they become too many.

    A row is kept if its hash is divisible by 2**level, which all its duplicates then are too; the
    counts of what is kept, times 2**level, estimate those of all (Gibbons 2001, distinct
    sampling). Exact up to 16.7 million rows, in 128 MB.

    Args:
        room: Most hashes that are kept.
        level: How often the rows were halved.
        total: Rows added so far.
    """

    room: int = _ROOM
    level: int = 0
    total: int = 0
    _parts: list[NDArray[np.uint64]] = field(default_factory=list)
    _held: int = 0

    def add(self, batch: pl.DataFrame) -> None:
        """Add the rows of a batch."""
        self.total += batch.height
        hashes = row_hashes(batch)
        self._parts.append(self._thinned(hashes))
        self._held += len(self._parts[-1])
        while self._held > self.room:
            self.level += 1
            self._parts = [self._thinned(np.concatenate(self._parts))]
            self._held = len(self._parts[0])

    def _thinned(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        if not self.level:
            return hashes
        kept: NDArray[np.uint64] = hashes[hashes >> np.uint64(64 - self.level) == 0]
        return kept

    def duplicates(self) -> Duplicates:
        """Count the duplicates."""
        if not self._held:
            return Duplicates(exact=self.level == 0)
        hashes = np.sort(np.concatenate(self._parts))
        starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1]))
        counts = np.diff(starts, append=len(hashes))
        scale = 1 << self.level
        return Duplicates(
            rows=int((counts - 1).sum()) * scale,
            groups=int((counts > 1).sum()) * scale,
            most=int(counts.max()),
            exact=self.level == 0,
        )


def row_hashes(batch: pl.DataFrame) -> NDArray[np.uint64]:
    """Hash whole rows; equal rows of different batches hash alike."""
    coded = [
        pl.col(name).cast(pl.String)
        for name, dtype in batch.schema.items()
        if dtype.base_type() in {pl.Categorical, pl.Enum}
    ]
    kept = [name for name, dtype in batch.schema.items() if dtype.base_type() != pl.Object]
    frame = batch.select(kept).with_columns(coded) if coded else batch.select(kept)
    return frame.hash_rows(seed=0).to_numpy() if kept else np.empty(0, np.uint64)


@dataclass(slots=True)
class RowSample:
    """A uniform sample of rows without replacement: those with the smallest random numbers.

    While there are no more rows than `room` it is all of them, in their order.

    Args:
        room: How many rows are kept.
        rng: Where the random numbers come from.
    """

    room: int
    rng: np.random.Generator
    _frames: list[pl.DataFrame] = field(default_factory=list)
    _lots: list[NDArray[np.float64]] = field(default_factory=list)
    _held: int = 0
    _bound: float = 1.0

    def add(self, batch: pl.DataFrame) -> None:
        """Offer the rows of a batch."""
        lots = self.rng.random(batch.height)
        if self._bound < 1.0:
            kept = np.flatnonzero(lots < self._bound)
            batch, lots = batch[kept], lots[kept]
        self._frames.append(batch)
        self._lots.append(lots)
        self._held += len(lots)
        if self._held > 2 * self.room:
            self._prune()

    def frame(self) -> pl.DataFrame:
        """Return the sampled rows, in the order in which they came."""
        if self._held > self.room:
            self._prune()
        return pl.concat(self._frames) if self._frames else pl.DataFrame()

    def _prune(self) -> None:
        lots = np.concatenate(self._lots)
        kept = np.sort(np.argpartition(lots, self.room)[: self.room])
        rows = pl.concat(self._frames, rechunk=True)[kept]
        self._frames, self._lots, self._held = [rows], [lots[kept]], self.room
        self._bound = float(lots[kept].max())
