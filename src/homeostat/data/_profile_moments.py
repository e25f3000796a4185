"""Sums of a column and of its squares, exact under merge and subtraction."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["power_sums"]

_LIMB = 16  # bits
_LEAST_POWER = -1000  # below, its inverse is no float64


def power_sums(ordered: NDArray[Any]) -> tuple[Fraction, Fraction]:
    """Return the sum and the sum of squares of sorted finite numbers.

    Whole numbers (int64) are summed exactly. Floats are summed about their median and moved to
    zero in exact arithmetic, so the variance loses nothing to a mean that is large beside it:
    what is rounded is the window's own spread, once. Fractions then add and subtract exactly.
    """
    if len(ordered) == 0:
        return Fraction(), Fraction()
    return _of_integers(ordered) if ordered.dtype == np.int64 else _of_floats(ordered)


def _of_floats(ordered: NDArray[np.float64]) -> tuple[Fraction, Fraction]:
    largest = max(abs(float(ordered[0])), abs(float(ordered[-1])))
    power = math.frexp(largest)[1] + 2  # so that neither a difference nor a square overflows
    centre = math.ldexp(float(ordered[len(ordered) // 2]), -power)
    about = ordered * 2.0**-power if power > _LEAST_POWER else np.ldexp(ordered, -power)
    about -= centre
    first = float(about.sum())
    about *= about
    return _moved(
        len(ordered),
        Fraction(centre),
        Fraction(first),
        Fraction(float(about.sum())),
        scale=Fraction(2) ** power,
    )


def _of_integers(ordered: NDArray[np.int64]) -> tuple[Fraction, Fraction]:
    least = int(ordered[0])
    span = int(ordered[-1]) - least
    about = ordered.view(np.uint64) - np.uint64(least % 2**64)
    limbs = [
        ((about >> np.uint64(shift)) & np.uint64(2**_LIMB - 1)).astype(np.int64)
        for shift in range(0, max(span.bit_length(), 1), _LIMB)
    ]
    total = sum(int(limb.sum()) << (_LIMB * i) for i, limb in enumerate(limbs))
    squares = sum(
        int((a * b).sum()) << (_LIMB * (i + j))
        for i, a in enumerate(limbs)
        for j, b in enumerate(limbs)
    )
    return _moved(len(ordered), Fraction(least), Fraction(total), Fraction(squares))


def _moved(
    n: int, centre: Fraction, first: Fraction, second: Fraction, *, scale: Fraction = Fraction(1)
) -> tuple[Fraction, Fraction]:
    """Turn sums about a centre into sums about zero."""
    total = n * centre + first
    return total * scale, (second + 2 * centre * first + n * centre * centre) * scale * scale
