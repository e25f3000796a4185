"""Distribution: counts in exponential buckets, merged by addition, with a stated error."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.observe._bucket import LOWEST, PER_OCTAVE, SHIFT, SIZE

__all__ = ["Distribution"]

Counts = NDArray[np.int64]


@cache
def _middles() -> NDArray[np.float64]:
    """Return of each bucket the value whose relative distance to both of its bounds is equal."""
    low = 2.0 ** (LOWEST + np.arange(SIZE) / PER_OCTAVE)
    growth = 2.0 ** (1 / PER_OCTAVE)
    middles = np.asarray(low * 2 * growth / (1 + growth))
    middles.flags.writeable = False  # all share it
    return middles


@dataclass(frozen=True, slots=True)
class Distribution:
    """How values such as latencies lie: a histogram that adds up over processes and windows.

    A bucket's bounds differ by 2**(1/64), so a quantile is within 0.6 % of a value that has that
    very rank, for values from 1 ns to 2**34 (DDSketch's bound; Masson, Rim and Lee 2019). Count,
    sum, least and largest are exact. It merges and subtracts exactly.

    Args:
        counts: Of each bucket, shape (4096,), int64.
        total: Sum of the values.
        least: Smallest value; inf of none.
        largest: Largest value; -inf of none.
        failed: Blocks that raised, which were timed but are in no bucket.
        refused: Values that were NaN, infinite or negative, which are in no bucket either.

    Example:
        >>> both = Distribution.of([0.1, 0.2]) + Distribution.of([0.3, 4.0])
        >>> both.n, round(both.quantile(0.5), 2), both.quantile(1.0), both.over(0.25)
        (4, 0.2, 4.0, 2)
    """

    counts: Counts = field(repr=False)
    total: float = 0.0
    least: float = math.inf
    largest: float = -math.inf
    failed: int = 0
    refused: int = 0

    @classmethod
    def of(cls, values: Any) -> Distribution:  # noqa: ANN401 - whatever is an array
        """Return the distribution of values from 0 on; any other counts as refused."""
        array = np.asarray(values, dtype=np.float64).reshape(-1)
        good = array[np.isfinite(array) & (array >= 0)]
        with np.errstate(divide="ignore"):
            ranks = np.ceil(np.log2(good) * PER_OCTAVE) + SHIFT
        places = np.clip(ranks, 0, SIZE - 1).astype(np.int64)
        return cls(
            np.bincount(places, minlength=SIZE).astype(np.int64),
            float(good.sum()),
            float(good.min(initial=math.inf)),
            float(good.max(initial=-math.inf)),
            refused=array.size - good.size,
        )

    @property
    def n(self) -> int:
        """How many values are in the buckets."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """Sum over count; None of none."""
        return self.total / self.n if self.n else None

    def quantile(self, q: float) -> float | None:
        """Return the value that a share ``q`` of all is at most, within 0.6 %; None of none.

        Raises:
            InputError: If ``q`` is outside [0, 1].
        """
        if not 0 <= q <= 1:
            raise InputError(f"A quantile is asked for by a share in [0, 1], got {q}.")
        n = self.n
        if n == 0:
            return None
        rank = max(math.ceil(q * n), 1)
        if rank in {1, n}:
            return self.largest if rank == n else self.least
        place = int(np.searchsorted(np.cumsum(self.counts), rank))
        return float(np.clip(_middles()[place], self.least, self.largest))

    def over(self, limit: float) -> int:
        """Return how many values exceed a limit, which is met to within 0.6 %."""
        return int(self.counts[_middles() > limit].sum()) if self.n and limit < self.largest else 0

    def within(self, limits: NDArray[np.float64]) -> Counts:
        """Return how many values are at most each of some ascending limits, met to 0.6 %."""
        ends = np.searchsorted(_middles(), limits, side="right")
        return np.asarray(np.concatenate(([0], np.cumsum(self.counts)))[ends], dtype=np.int64)

    def __add__(self, other: Distribution) -> Distribution:
        return Distribution(
            self.counts + other.counts,
            self.total + other.total,
            min(self.least, other.least),
            max(self.largest, other.largest),
            self.failed + other.failed,
            self.refused + other.refused,
        )

    def since(self, earlier: Distribution) -> Distribution:
        """Return what came after an earlier state of the same distribution.

        Its least and largest are those of the buckets, since what was exact is not kept apart.
        """
        counts = self.counts - earlier.counts
        if counts.min(initial=0) < 0:  # it began anew in between: all that it has came after
            return self
        places = np.flatnonzero(counts)
        middles = _middles()[places]
        return Distribution(
            counts,
            self.total - earlier.total,
            max(float(middles.min(initial=math.inf)), self.least),
            min(float(middles.max(initial=-math.inf)), self.largest),
            self.failed - earlier.failed,
            self.refused - earlier.refused,
        )
