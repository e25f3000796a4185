"""A measure inside a slice, and against the rest of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from homeostat.evaluate._slicing._measures import Columns, Measure
from homeostat.stats import Interval, influence_error, influence_interval

__all__ = ["Contrast", "contrast", "exceedance"]

_FEWEST_BLOCKS = 5


@dataclass(frozen=True, slots=True)
class Contrast:
    """A measure inside a slice and outside of it.

    Args:
        inside: Its value in the slice.
        interval: The value's interval.
        error: The value's standard error.
        df: Degrees of freedom: the slice's rows, or its blocks, less one.
        outside: Its value on the rest; None where there is none.
        worse: By how much the slice is worse; below 0 it is better.
        worse_error: The standard error of that.
    """

    inside: float
    interval: Interval
    error: float
    df: int
    outside: float | None = None
    worse: float | None = None
    worse_error: float = 0.0


def contrast(
    columns: Columns,
    mask: NDArray[np.bool_],
    blocks: NDArray[np.intp] | None,
    judged: Measure,
    *,
    level: float = 0.95,
) -> Contrast | None:
    """Compare a slice with its complement; None where the slice has too little to go on.

    ``columns`` are the measure's, of all rows; ``mask`` says which rows are the slice's.

    Rows of one block that are on both sides move both values together; the error of their
    difference is made of what each block adds to it.
    """
    within = judged.estimate(*(c[mask] for c in columns)) if mask.any() else None
    if within is None:
        return None
    own = None if blocks is None else blocks[mask]
    error, n_blocks = influence_error(within[1], own)
    interval = influence_interval(*within, own, level=level, within=judged.within)
    if interval is None or n_blocks < _FEWEST_BLOCKS:
        return None
    rest = None if mask.all() else judged.estimate(*(c[~mask] for c in columns))
    if rest is None:
        return Contrast(within[0], interval, error, n_blocks - 1)
    both = np.empty(len(mask))
    both[mask], both[~mask] = within[1], -rest[1]
    worse = judged.sign * (rest[0] - within[0])
    worse_error, _ = influence_error(both, blocks)
    return Contrast(within[0], interval, error, n_blocks - 1, rest[0], worse, worse_error)


def exceedance(amount: float, error: float, df: int) -> float:
    """Return the one-sided p-value of Student's t that an amount is truly above 0."""
    if error == 0:
        return 0.5 ** (df if amount > 0 else 0)  # no spread at all: a sign test
    return float(special.stdtr(df, -amount / error))
