"""Intervals: of a proportion, of a mean over blocks, and of anything with an influence per row.

Rows that share a day share its weather, so they tell less than as many independent rows. Pass
``blocks`` (a day, a patient, a user) wherever rows come in such groups: the interval is then
made of whole blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError
from homeostat.stats._binary import Floats, block_codes, floats, labels

__all__ = [
    "Interval",
    "block_bootstrap",
    "influence_error",
    "influence_interval",
    "mean_interval",
    "proportion_interval",
    "resample_counts",
    "two_sided",
    "wilson",
]


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a value lies, at a level of confidence such as 0.95."""

    low: float
    high: float
    level: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.4g}, {self.high:.4g}]"


def wilson(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of a proportion (1927); of no trial, all of [0, 1].

    Args:
        successes: How many, from 0 to ``n``; an effective number need not be whole.
        n: How many trials.
        level: Confidence, in (0, 1).

    Example:
        >>> print(wilson(10, 10))
        [0.7225, 1]
    """
    if not 0 <= successes <= n:
        raise InputError(f"Successes lie in [0, n], got {successes} of {n}.")
    if n == 0:
        return Interval(0.0, 1.0, level)
    z2 = float(two_sided(level)) ** 2
    rate = successes / n
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (rate * (1 - rate) + z2 / (4 * n)) / n) / (1 + z2 / n)
    low = 0.0 if successes == 0 else max(middle - half, 0.0)
    high = 1.0 if successes == n else min(middle + half, 1.0)
    return Interval(low, high, level)


def proportion_interval(
    successes: ArrayLike,
    trials: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> Interval:
    """Return Wilson's interval of a share of rows, with as many trials as the blocks are worth.

    Args:
        successes: 0 or 1, shape (n,).
        trials: 0 or 1, shape (n,), which rows count; None takes every row.
        blocks: Which block a row is in; None takes rows as independent.
        level: Confidence, in (0, 1).

    Returns:
        With blocks, the trials are divided by the design effect, and are at most as many as the
        blocks where the share is 0 or 1 (after Korn and Graubard 1998).
    """
    counted = np.ones(np.shape(successes)) if trials is None else labels(trials, "trials")
    hits = labels(successes, "successes", n=len(counted)) * counted
    n, n_hits = float(counted.sum()), float(hits.sum())
    if blocks is None or n == 0:
        return wilson(n_hits, n, level=level)
    rate = n_hits / n
    error, _ = influence_error((hits - rate * counted) / n, blocks)
    n_blocks = block_codes(np.asarray(blocks)[counted == 1], int(n))[1]
    worth = float(n_blocks)
    if error > 0 and n_blocks > 1:
        narrowed = two_sided(level) / two_sided(level, n_blocks - 1)
        worth = min(n, rate * (1 - rate) / error**2 * narrowed**2)
    return wilson(rate * worth, worth, level=level)


def resample_counts(
    n_blocks: int, n_resamples: int, rng: np.random.Generator | int
) -> NDArray[np.int64]:
    """Return how often each block is drawn in each resample, shape (n_resamples, n_blocks)."""
    shape = (n_resamples, n_blocks)
    drawn = np.random.default_rng(rng).integers(n_blocks, size=shape, dtype=np.int32)
    cells = drawn + np.arange(n_resamples)[:, None] * n_blocks
    return np.bincount(cells.ravel(), minlength=n_resamples * n_blocks).reshape(shape)


def block_bootstrap(
    values: ArrayLike,
    blocks: ArrayLike,
    *,
    statistic: Literal["mean"] | Callable[[Floats], Floats] = "mean",
    n_resamples: int = 2000,
    level: float = 0.95,
    rng: np.random.Generator | int,
) -> Interval | None:
    """Return a bootstrap interval made by drawing whole blocks of rows.

    Args:
        values: One number a row, shape (n,), or several, shape (n, k).
        blocks: Which block a row is in, shape (n,).
        statistic: From sums over rows, shape (r, k + 1) with the number of rows last, to one
            number each, shape (r,); ``"mean"`` takes that of the first column.
        n_resamples: How many times the blocks are drawn.
        level: Confidence, in (0, 1).
        rng: Generator or seed.

    Returns:
        The expanded percentile interval (Hesterberg 2015, "What Teachers Should Know About the
        Bootstrap"), which keeps its level with few blocks; None with fewer than two. Only
        per-block sums are drawn: O(n + n_resamples * n_blocks * k), a few ms for 365 blocks.

    Example:
        >>> day = np.repeat(np.arange(50), 20)
        >>> values = np.random.default_rng(0).normal(size=50)[day]
        >>> interval = block_bootstrap(values, day, rng=1)
        >>> interval.high - interval.low > 0.4
        True
    """
    table = np.asarray(values)
    columns = [floats(c, "values") for c in (table.T if table.ndim == 2 else [table])]
    n = len(columns[0]) if columns else 0
    codes, n_blocks = block_codes(blocks, n)
    if n_blocks < 2:
        return None
    sums = np.stack([np.bincount(codes, c) for c in [*columns, np.ones(n)]], axis=1)
    drawn: Floats = resample_counts(n_blocks, n_resamples, rng).astype(np.float64) @ sums
    found = statistic(drawn) if callable(statistic) else drawn[:, 0] / drawn[:, -1]
    widened = math.sqrt(n_blocks / (n_blocks - 1)) * two_sided(level, n_blocks - 1)
    tail = float(special.ndtr(-widened))
    low, high = np.quantile(found, [tail, 1 - tail])
    return Interval(float(low), float(high), level)


def influence_error(influence: ArrayLike, blocks: ArrayLike | None) -> tuple[float, int]:
    """Return the standard error of a statistic and how many blocks it stands on.

    Args:
        influence: As in :func:`influence_interval`, shape (n,).
        blocks: Which block a row is in; None takes each row as one.
    """
    sums = floats(influence, "influence")
    n_blocks = len(sums)
    if blocks is not None:
        codes, n_blocks = block_codes(blocks, len(sums))
        sums = np.bincount(codes, sums).astype(np.float64)
    if n_blocks < 2:
        return 0.0, n_blocks
    return math.sqrt(n_blocks / (n_blocks - 1) * float(np.sum(np.square(sums)))), n_blocks


def influence_interval(
    estimate: float,
    influence: ArrayLike,
    blocks: ArrayLike | None = None,
    *,
    level: float = 0.95,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Interval | None:
    """Return the interval of any smooth statistic from what each row adds to its error.

    Args:
        estimate: The statistic.
        influence: Shape (n,), scaled so that the statistic's error is about its sum: for a mean
            ``(x - mean) / n``.
        blocks: Which block a row is in; None takes rows as independent.
        level: Confidence, in (0, 1).
        within: The range of the statistic; the interval is cut there.

    Returns:
        Student's t with one less than the number of blocks as its degrees of freedom, over the
        blocks' sums (the infinitesimal jackknife; Liang and Zeger 1986 for blocks); None with
        fewer than two blocks. Cost: O(n), no resampling.
    """
    error, n_blocks = influence_error(influence, blocks)
    if n_blocks < 2:
        return None
    half = two_sided(level, n_blocks - 1) * error
    return Interval(max(estimate - half, within[0]), min(estimate + half, within[1]), level)


def mean_interval(
    values: ArrayLike, blocks: ArrayLike | None = None, *, level: float = 0.95
) -> Interval | None:
    """Return Student's t interval of a mean, over blocks where given."""
    x = floats(values, "values")
    mean = float(x.mean()) if len(x) else 0.0
    return influence_interval(mean, (x - mean) / max(len(x), 1), blocks, level=level)


def two_sided(level: float, df: float | None = None) -> float:
    """Return the two-sided quantile of Student's t, or of the normal without ``df``."""
    if not 0 < level < 1:
        raise InputError(f"`level` lies in (0, 1), got {level}.")
    upper = (1 + level) / 2
    return float(special.ndtri(upper) if df is None else special.stdtrit(df, upper))
