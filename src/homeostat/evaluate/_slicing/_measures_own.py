"""Measures of one's own: the mean of a number a row, or any function of many rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.evaluate._slicing._measures import Columns, Estimate, Measure, mean_estimate
from homeostat.stats import floats

__all__ = ["own_measure", "row_measure"]


def row_measure(
    name: str,
    values: Callable[[NDArray[Any], NDArray[Any]], ArrayLike],
    *,
    larger_is_better: bool = False,
) -> Measure:
    """Return the measure that is the mean of one number a row, of any label and prediction.

    Args:
        name: What people call it.
        values: From label and prediction to numbers, shape (n,).
        larger_is_better: Whether it is a gain; a loss by default.

    Example:
        >>> miles = row_measure("miles off", lambda label, p: np.abs(label - p))
        >>> miles.columns(np.array([1.0, 5.0]), np.array([2.0, 3.0]))
        (array([1., 2.]),)
    """

    def columns(label: NDArray[Any], p: NDArray[Any]) -> Columns:
        return (floats(values(label, p), f"the values of {name}", n=len(label)),)

    sign = 1 if larger_is_better else -1
    return Measure(name, sign, columns, mean_estimate, (-math.inf, math.inf))


def own_measure(
    name: str,
    value: Callable[[NDArray[Any], NDArray[Any]], float],
    *,
    larger_is_better: bool = True,
    within: tuple[float, float] = (-math.inf, math.inf),
    groups: int = 20,
) -> Measure:
    """Return the measure that a function of label and prediction computes over many rows.

    Args:
        name: What people call it.
        value: From the labels and predictions of a slice to a number; NaN where it has none.
        larger_is_better: Whether larger values are better.
        within: The range of its values.
        groups: The rows, by whole blocks where given, are dealt into so many groups, and the
            error is that of the values without each (the delete-a-group jackknife; Kott 2001).

    Cost: ``groups + 1`` calls for a slice and as many for the other rows.

    Example:
        >>> middle = own_measure("median", lambda label, p: float(np.median(np.abs(label - p))),
        ...                      larger_is_better=False)
        >>> middle.name, middle.sign
        ('median', -1)
    """
    if groups < 6:
        raise InputError(f"An error takes at least 6 groups of rows, got {groups}.")

    def estimate(label: NDArray[Any], p: NDArray[Any], group: NDArray[np.intp]) -> Estimate | None:
        return _left_out(value, label, p, group)

    sign = 1 if larger_is_better else -1
    return Measure(name, sign, lambda label, p: (label, p), estimate, within, groups)


def _left_out(
    value: Callable[[NDArray[Any], NDArray[Any]], float],
    label: NDArray[Any],
    p: NDArray[Any],
    group: NDArray[np.intp],
) -> Estimate | None:
    """Estimate by leaving each group out; what a group adds is spread over its rows."""
    here, n = float(value(label, p)), len(group)
    rows = np.bincount(group)
    added = np.zeros(len(rows))
    for one in np.flatnonzero(rows):
        kept = group != one
        without = float(value(label[kept], p[kept])) if kept.any() else math.nan
        added[one] = (here - without) * (n - rows[one]) / n / rows[one]
    return (here, added[group]) if np.isfinite([here, *added]).all() else None
