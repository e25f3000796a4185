"""Resamples of whole blocks, as weights: a thousand of a million rows by one matrix product."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError
from homeostat.stats._binary import Floats, block_codes
from homeostat.stats._intervals import Interval, resample_counts, two_sided

__all__ = ["Draws"]

_MOST = 1000  # blocks beyond this are dealt into so many groups of blocks


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """How often each group of rows is drawn in each resample.

    More than 1,000 independent blocks are dealt at random into 1,000 groups, and the groups are
    drawn: their sums have the variance and the skewness of the blocks', and the error's own
    error is 2 %, like that of 1,000 resamples (the random groups of Wolter 2007, chapter 2). So
    any statistic of sums over rows is resampled at O(n + resamples * groups * sums).

    Args:
        group: Each row's group, shape (n,).
        times: How often a group is drawn, shape (resamples, groups).
        n_blocks: How many blocks there were before they were dealt.
    """

    group: NDArray[np.intp]
    times: Floats
    n_blocks: int

    @classmethod
    def of(
        cls,
        n: int,
        blocks: ArrayLike | None = None,
        *,
        n_resamples: int = 1000,
        rng: np.random.Generator | int = 0,
    ) -> Draws:
        """Draw resamples of n rows.

        Args:
            n: How many rows.
            blocks: Which block (a day, a patient) a row is in; None takes rows as independent.
            n_resamples: How many.
            rng: Generator or seed.
        """
        if n_resamples < 2:
            raise InputError(f"`n_resamples` is at least 2, got {n_resamples}.")
        generator = np.random.default_rng(rng)
        codes, n_blocks = (np.arange(n), n) if blocks is None else block_codes(blocks, n)
        if n_blocks > _MOST:
            codes = generator.permutation(np.arange(n_blocks) % _MOST)[codes]
        n_groups = min(n_blocks, _MOST)
        times = resample_counts(n_groups, n_resamples, generator).astype(np.float64)
        return cls(codes, times, n_blocks)

    def left_out(self) -> Draws:
        """Return the rows that each resample left out: about a third, on which to score it."""
        return Draws(self.group, (self.times == 0).astype(np.float64), self.n_blocks)

    def sums(self, values: Floats) -> Floats:
        """Return the resampled sums of columns: from (n, m) to (resamples, m)."""
        groups = self.times.shape[1]
        by_group = np.stack([np.bincount(self.group, v, groups) for v in values.T], axis=1)
        return np.asarray(self.times @ by_group)

    def counts(self, cell: NDArray[np.intp], n_cells: int, weight: Floats | None) -> Floats:
        """Return the resampled weight in each cell: from (n,) to (resamples, cells)."""
        groups = self.times.shape[1]
        at = self.group * n_cells + cell
        by_group = np.bincount(at, weight, groups * n_cells).reshape(groups, n_cells)
        return np.asarray(self.times @ by_group)

    def interval(self, values: Floats, level: float, *, centre: float) -> Interval | None:
        """Return the bias-corrected, expanded percentile interval of resampled values.

        Tails are moved by how far the resamples lie to one side of the estimate (Efron 1981) and
        widened for few blocks (Hesterberg 2015). Resamples in which the statistic is not defined
        are left out.

        Args:
            values: Shape (resamples,).
            level: Confidence, in (0, 1).
            centre: The statistic of the rows themselves.

        Returns:
            None where it is undefined in more than half of the resamples, or there are fewer
            than two blocks.
        """
        held = values[np.isfinite(values)]
        groups = self.times.shape[1]
        if groups < 2 or 2 * len(held) < len(values):
            return None
        below = (np.sum(held < centre) + np.sum(held <= centre)) / 2 / len(held)
        edge = 0.5 / math.sqrt(len(held))
        bias = float(special.ndtri(min(max(below, edge), 1 - edge)))
        reach = math.sqrt(groups / (groups - 1)) * two_sided(level, groups - 1)
        tails = special.ndtr([2 * bias - reach, 2 * bias + reach])
        low, high = np.quantile(held, tails)
        return Interval(float(low), float(high), level)
