"""Reservoir: a simple sample of a stream whose length nobody knows, kept while it goes by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, SchemaError
from homeostat.sample._kept import concat
from homeostat.sample._sample import Sample

__all__ = ["Reservoir"]


@dataclass(slots=True, eq=False, repr=False)
class Reservoir:
    """At any moment a simple sample of all rows so far (Algorithm L; Li 1994).

    It jumps from one row that gets in to the next, so a batch costs what it changes: over a
    stream of N rows O(size * log(N / size)) rows are looked at. The same seed and the same
    stream give the same rows however the stream is cut.

    Args:
        size: How many rows to keep.
        seed: Of this reservoir; two that are to be merged need two seeds.

    Example:
        >>> one, two = Reservoir(5, seed=1), Reservoir(5, seed=2)
        >>> for start in range(0, 1000, 10):
        ...     one.update(pl.DataFrame({"x": range(start, start + 10)}))
        >>> two.update(pl.DataFrame({"x": range(1000, 4000)}))
        >>> (one + two).sample()
        Sample(5 of 4,000 rows, strata)
    """

    size: int
    seed: int
    seen: int = 0
    _frame: pl.DataFrame | None = None
    _place: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _log_w: float = 0.0
    _next: int = -1
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"A reservoir keeps at least 1 row, got size={self.size}.")
        self._rng = np.random.default_rng(self.seed)

    def update(self, frame: pl.DataFrame) -> None:
        """Take in the next rows of the stream.

        Raises:
            SchemaError: If the columns are not those of the rows before.
        """
        if self._frame is None:
            self._frame = frame.clear()
        elif frame.columns != self._frame.columns:
            raise SchemaError(
                f"Rows of one stream have the same columns: {self._frame.columns} came before, "
                f"now {frame.columns}."
            )
        start, self.seen = self.seen, self.seen + frame.height
        free = min(max(self.size - start, 0), frame.height)
        if free:
            self._put(frame[:free], np.arange(start, start + free))
        if len(self._place) == self.size and self._next < 0:
            self._jump(self.size - 1)
        taken = self._accepted()
        if taken:
            slots = np.fromiter(taken.keys(), np.int64)
            rows = np.fromiter(taken.values(), np.int64)
            self._replace(slots, frame[rows - start], rows)

    def sample(self) -> Sample:
        """Return the rows so far as a sample, in the order of the stream."""
        frame = pl.DataFrame() if self._frame is None else self._frame
        order = np.argsort(self._place)
        n = len(order)
        chance = np.full(n, n / max(self.seen, 1))
        zero = np.zeros(n, np.int64)
        sizes = np.array([self.seen])
        return Sample(frame[order], chance, self._place[order], "strata", self.seen, zero, sizes)

    def __add__(self, other: Self) -> Self:
        """Return a reservoir of both streams, the other's rows coming after; exact, not nearly.

        How many rows come from each is drawn from the hypergeometric distribution.
        """
        if self.size != other.size:
            raise InputError(f"Reservoirs of one size merge, got {self.size} and {other.size}.")
        if self.seed == other.seed and self.seen and other.seen:
            raise InputError("Reservoirs that merge need seeds of their own, both have the same.")
        seed = np.random.SeedSequence([self.seed, other.seed, self.seen, other.seen])
        rng = np.random.default_rng(seed)
        merged = type(self)(self.size, self.seed)
        merged._rng, merged.seen = rng, self.seen + other.seen
        kept = min(self.size, merged.seen)
        first = int(rng.hypergeometric(self.seen, other.seen, kept)) if kept else 0
        for one, n, shift in ((self, first, 0), (other, kept - first, self.seen)):
            if one._frame is not None:
                rows = rng.choice(len(one._place), n, replace=False)
                merged._put(one._frame[rows], one._place[rows] + shift)
        if kept == self.size:  # the largest of the least `size` of so many uniform numbers
            merged._log_w = math.log(rng.beta(self.size, merged.seen - self.size + 1))
            merged._skip(merged.seen - 1)
        return merged

    def _put(self, frame: pl.DataFrame, place: NDArray[np.int64]) -> None:
        self._frame = frame if self._frame is None else concat([self._frame, frame])
        self._place = np.concatenate([self._place, place])

    def _replace(
        self, slots: NDArray[np.int64], frame: pl.DataFrame, place: NDArray[np.int64]
    ) -> None:
        source = np.arange(self.size)
        source[slots] = self.size + np.arange(len(slots))
        held = frame.clear() if self._frame is None else self._frame
        self._frame = concat([held, frame])[source]
        self._place[slots] = place

    def _accepted(self) -> dict[int, int]:
        """Return, by slot, the place of the last row of this batch that gets in there."""
        taken: dict[int, int] = {}
        while 0 <= self._next < self.seen:
            taken[int(self._rng.integers(self.size))] = self._next
            self._jump(self._next)
        return taken

    def _jump(self, last: int) -> None:
        self._log_w += math.log(1 - self._rng.random()) / self.size
        self._skip(last)

    def _skip(self, last: int) -> None:
        rest = math.log1p(-math.exp(self._log_w)) if self._log_w < 0 else -math.inf
        chance = math.log(1 - self._rng.random())
        gap = math.floor(chance / rest) if rest < 0 else 2**62
        self._next = last + 1 + min(gap, 2**62)

    def __repr__(self) -> str:
        return f"Reservoir({len(self._place):,} of {self.seen:,} rows)"
