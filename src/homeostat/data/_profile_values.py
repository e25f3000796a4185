"""Which values a column holds and how often: a sample of distinct values, and heavy hitters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError

__all__ = ["HeavyHitters", "ValueSample", "heaviest"]

_HEAVY = 64


@dataclass(frozen=True, slots=True, eq=False)
class ValueSample:
    """The distinct values with the smallest hashes, each with its exact count.

    While a column has at most `room` distinct values these are all of them. Beyond, they are a
    uniform sample of the distinct values, from which the number of distinct values is estimated
    (Bar-Yossef et al. 2002, k minimum values) with standard error 1/sqrt(room - 2). A value that
    is among the smallest hashes of a whole was so in each part that has it, so merging is exact:
    associative and commutative to the byte.

    Args:
        hashes: Sorted, uint64.
        values: Text as objects, or numbers, in the same order.
        counts: How often each occurs, int64.
        complete: Whether no value was left out.
        room: How many are kept.
    """

    hashes: NDArray[np.uint64]
    values: NDArray[Any]
    counts: NDArray[np.int64]
    complete: bool
    room: int

    @classmethod
    def of(
        cls,
        hashes: NDArray[np.uint64],
        values: NDArray[Any],
        counts: NDArray[np.int64],
        *,
        room: int,
    ) -> Self:
        """Sample distinct values, given in any order with their hashes and counts."""
        complete = len(hashes) <= room
        if not complete:
            kept = np.argpartition(hashes, room)[:room]
            hashes, values, counts = hashes[kept], values[kept], counts[kept]
        order = np.argsort(hashes)
        return cls(hashes[order], values[order], counts[order], complete, room)

    @classmethod
    def merge(cls, samples: Sequence[Self]) -> Self:
        """Merge samples; grouping and order do not matter."""
        hashes = np.concatenate([sample.hashes for sample in samples])
        values = np.concatenate([sample.values for sample in samples])
        counts = np.concatenate([sample.counts for sample in samples])
        unique, first, place = np.unique(hashes, return_index=True, return_inverse=True)
        total = np.zeros(len(unique), np.int64)
        np.add.at(total, place, counts)
        room = min(sample.room for sample in samples)
        kept = slice(0, room)
        complete = all(sample.complete for sample in samples) and len(unique) <= room
        return cls(unique[kept], values[first][kept], total[kept], complete, room)

    def __sub__(self, part: Self) -> Self | None:
        """Return what is left without a part, or None where either left values out."""
        if not (self.complete and part.complete):
            return None
        place = np.searchsorted(self.hashes, part.hashes)
        if not np.isin(part.hashes, self.hashes).all():
            raise InputError("Only a part can be subtracted: it holds values the whole has not.")
        counts = self.counts.copy()
        counts[place] -= part.counts
        if (counts < 0).any():
            raise InputError("Only a part can be subtracted: it holds more of a value.")
        left = counts > 0
        return type(self)(
            self.hashes[left], self.values[left], counts[left], complete=True, room=self.room
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ValueSample)
            and self.complete == other.complete
            and np.array_equal(self.hashes, other.hashes)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]  # compared by content, never a key

    @property
    def distinct(self) -> float:
        """Number of distinct values: exact while complete, else estimated."""
        if self.complete:
            return float(len(self.hashes))
        return (self.room - 1) * 2.0**64 / float(self.hashes[-1])


@dataclass(frozen=True, slots=True, eq=False)
class HeavyHitters:
    """The most frequent values, each with a lower bound of its count (Misra and Gries 1982).

    A value's true count lies in [count, count + error]; a value that is not listed occurs at
    most `error` times, and `error` is at most n/65. Bounds hold under any merging (Agarwal et
    al. 2013, Mergeable Summaries), the listed counts depend on its grouping.

    Args:
        hashes: uint64, ordered by falling count, then hash.
        values: In the same order.
        counts: Lower bounds, int64.
        error: By how much a count may be too low.
    """

    hashes: NDArray[np.uint64]
    values: NDArray[Any]
    counts: NDArray[np.int64]
    error: int

    @classmethod
    def of(
        cls,
        hashes: NDArray[np.uint64],
        values: NDArray[Any],
        counts: NDArray[np.int64],
        *,
        error: int = 0,
    ) -> Self:
        """Keep the most frequent of distinct values."""
        kept, lost = heaviest(counts)
        hashes, values, counts, error = (
            hashes[kept],
            values[kept],
            counts[kept] - lost,
            error + lost,
        )
        order = np.lexsort((hashes, -counts))
        return cls(hashes[order], values[order], counts[order], error)

    @classmethod
    def merge(cls, parts: Sequence[Self | ValueSample]) -> Self:
        """Merge with further heavy hitters or complete samples; order does not matter."""
        hashes = np.concatenate([part.hashes for part in parts])
        values = np.concatenate([part.values for part in parts])
        unique, first, place = np.unique(hashes, return_index=True, return_inverse=True)
        total = np.zeros(len(unique), np.int64)
        np.add.at(total, place, np.concatenate([part.counts for part in parts]))
        error = sum(part.error for part in parts if isinstance(part, HeavyHitters))
        return cls.of(unique, values[first], total, error=error)


def heaviest(counts: NDArray[np.int64]) -> tuple[NDArray[np.intp], int]:
    """Return where the counts are that are listed, and what each of them is lowered by."""
    if len(counts) <= _HEAVY:
        return np.arange(len(counts)), 0
    lost = 1 if counts.max() == 1 else int(np.partition(counts, -_HEAVY - 1)[-_HEAVY - 1])
    return np.flatnonzero(counts > lost), lost
