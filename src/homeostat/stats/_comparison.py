"""Comparisons on the same rows, and corrections for making many of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.stats._binary import Floats, block_codes, floats, labels
from homeostat.stats._intervals import Interval, influence_interval

__all__ = [
    "Difference",
    "McNemar",
    "benjamini_hochberg",
    "holm",
    "mcnemar",
    "paired_difference",
]

_FEWEST_BLOCKS = 6  # below, even blocks of one sign throughout prove nothing at 5 %


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of a paired difference; interval and p-value are None where blocks are too few."""

    mean: float
    interval: Interval | None
    p_value: float | None
    n: int
    n_blocks: int


def paired_difference(
    loss_a: ArrayLike,
    loss_b: ArrayLike,
    blocks: ArrayLike | None = None,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    rng: np.random.Generator | int = 0,
) -> Difference:
    """Return the mean of ``loss_a - loss_b`` over the same rows: below 0, a is the better.

    Args:
        loss_a: A loss a row, shape (n,).
        loss_b: The other's loss on the same rows, shape (n,).
        blocks: Which block (a day) a row is in; None takes rows as independent.
        n_resamples: How many times the blocks are drawn.
        level: Confidence, in (0, 1).
        rng: Generator or seed of the resampling; unused without blocks.

    Returns:
        Without blocks, Student's paired t. With blocks, the wild cluster bootstrap of t with the
        null imposed: whole blocks change sign (Cameron, Gelbach and Miller 2008). It keeps its
        level where one block (a day of snow) outweighs the others, and does not lose its power
        to it. The interval holds the differences that are not rejected. Fewer than six
        blocks or rows are too few.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> found = paired_difference(rng.random(500), rng.random(500) + 0.2, rng=1)
        >>> found.p_value < 0.001, found.mean < 0
        (True, True)
    """
    a = floats(loss_a, "loss_a")
    difference = a - floats(loss_b, "loss_b", n=len(a))
    n = len(difference)
    codes, n_blocks = (None, n) if blocks is None else block_codes(blocks, n)
    mean = float(difference.mean()) if n else 0.0
    if n_blocks < _FEWEST_BLOCKS:
        return Difference(mean, None, None, n, n_blocks)
    spread = np.ptp(difference if codes is None else _block_means(difference, codes))
    if spread <= 1e-12 * abs(mean):  # every block agrees to the last digit: a sign test
        p = 1.0 if mean == 0 else 0.5 ** (n_blocks - 1)
        return Difference(mean, Interval(mean, mean, level), p, n, n_blocks)
    if codes is None:
        return _student(difference, mean, level)
    interval, p = _wild(difference, codes, n_resamples, level, np.random.default_rng(rng))
    return Difference(mean, interval, p, n, n_blocks)


def _block_means(values: Floats, codes: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    means: Floats = np.bincount(codes, values) / np.bincount(codes)
    return means


def _student(difference: Floats, mean: float, level: float) -> Difference:
    n = len(difference)
    t = mean / (difference.std(ddof=1) / np.sqrt(n))
    p = float(2 * special.stdtr(n - 1, -abs(t)))
    interval = influence_interval(mean, (difference - mean) / n, level=level)
    return Difference(mean, interval, p, n, n)


def _wild(
    difference: Floats,
    codes: np.ndarray[tuple[int], np.dtype[np.intp]],
    n_resamples: int,
    level: float,
    rng: np.random.Generator,
) -> tuple[Interval, float]:
    sums, counts = np.bincount(codes, difference), np.bincount(codes).astype(np.float64)
    total, mean = counts.sum(), sums.sum() / counts.sum()
    signs = rng.choice(np.array([-1.0, 1.0]), (n_resamples, len(sums)))
    columns = np.stack([sums, counts, sums * counts, counts**2], axis=1)
    s, c, sc, cc = (signs @ columns).T

    def p_value(null: float) -> float:
        """Flip the blocks' residuals under a null, and count the t that are as far from it."""
        drawn = (s - null * c) / total
        squares = np.sum((sums - null * counts) ** 2)
        spread = squares - 2 * drawn * (sc - null * cc) + drawn**2 * np.sum(counts**2)
        residuals = np.sum((sums - mean * counts) ** 2)
        far = drawn**2 * residuals >= (mean - null) ** 2 * np.maximum(spread, 0) * (1 - 1e-12)
        return (1 + int(far.sum())) / (n_resamples + 1)

    error = float(np.sqrt(np.sum((sums - mean * counts) ** 2)) / total)
    half = [_furthest(p_value, float(mean), side * error, 1 - level) for side in (-1.0, 1.0)]
    return Interval(half[0], half[1], level), p_value(0.0)


def _furthest(p_value: Callable[[float], float], mean: float, step: float, alpha: float) -> float:
    """Return where the p-value falls to alpha on one side of the mean, by bisection."""
    inner, outer = 0.0, 2.0
    while p_value(mean + outer * step) > alpha and outer < 1e6:
        inner, outer = outer, 2 * outer
    for _ in range(25):
        middle = (inner + outer) / 2
        inner, outer = (middle, outer) if p_value(mean + middle * step) > alpha else (inner, middle)
    return mean + outer * step


@dataclass(frozen=True, slots=True)
class McNemar:
    """Rows only a gets right, rows only b gets right, and the exact two-sided p-value."""

    only_a: int
    only_b: int
    p_value: float


def mcnemar(right_a: ArrayLike, right_b: ArrayLike) -> McNemar:
    """Test whether two decisions on the same independent rows are right equally often.

    Args:
        right_a: 1 where a is right, else 0, shape (n,).
        right_b: Likewise for b.

    Returns:
        The exact binomial test on the rows where they differ (McNemar 1947).

    Example:
        >>> mcnemar([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0])
        McNemar(only_a=6, only_b=0, p_value=0.03125)
    """
    a = labels(right_a, "right_a")
    b = labels(right_b, "right_b", n=len(a))
    only_a, only_b = int(np.sum(a > b)), int(np.sum(b > a))
    tail = special.bdtr(min(only_a, only_b), only_a + only_b, 0.5)
    return McNemar(only_a, only_b, min(1.0, 2 * float(tail)))


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted so that any false claim at all is as rare as the level (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    p = _p_values(p_values)
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _placed(steps, order)


def benjamini_hochberg(p_values: ArrayLike, *, dependent: bool = False) -> Floats:
    """Return p-values adjusted so that the expected share of false claims is the level.

    Args:
        p_values: In [0, 1], shape (m,).
        dependent: Whether to hold under any dependence (Benjamini and Yekutieli 2001), at the
            price of a factor of about ``ln m``.

    Source: Benjamini and Hochberg 1995.

    Example:
        >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
        [0.04, 0.0533, 0.0533, 0.5]
    """
    p = _p_values(p_values)
    order = np.argsort(p)
    ranks = np.arange(1, len(p) + 1)
    factor = float(np.sum(1 / ranks)) if dependent else 1.0
    steps = np.minimum.accumulate((p[order] * len(p) * factor / ranks)[::-1])[::-1]
    return _placed(steps, order)


def _placed(steps: Floats, order: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    adjusted = np.empty(len(steps))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def _p_values(values: ArrayLike) -> Floats:
    p = floats(values, "p_values")
    if len(p) and not (p.min() >= 0 and p.max() <= 1):
        raise InputError(f"P-values lie in [0, 1], got {p.min():g} to {p.max():g}.")
    return p
