"""What a test could have shown: the smallest difference, and the rows that it would take."""

from __future__ import annotations

import math

from scipy import special

from homeostat.core import InputError
from homeostat.stats._intervals import two_sided

__all__ = ["rows_needed", "smallest_difference"]


def smallest_difference(
    error: float, *, level: float = 0.95, power: float = 0.8, df: float | None = None
) -> float:
    """Return the difference that a two-sided test shows with a chance of ``power``.

    Args:
        error: Standard error of the difference.
        level: One less the level of the test.
        power: In (0, 1).
        df: Degrees of freedom, such as blocks less one; None is many.

    Example:
        >>> round(smallest_difference(0.01), 4)
        0.028
    """
    return _reach(level, power, df) * error


def rows_needed(
    error: float, n: int, difference: float, *, level: float = 0.95, power: float = 0.8
) -> int | None:
    """Return how many rows would show a difference with a chance of ``power``.

    Args:
        error: Standard error of the difference over the rows there are.
        n: How many those are; blocks are taken to grow with them.
        difference: What is to be shown; None is returned for 0, which no number of rows shows.
        level: One less the level of the test.
        power: In (0, 1).

    Example:
        >>> rows_needed(0.01, 1000, 0.014)
        4005
    """
    if difference == 0:
        return None
    return max(math.ceil(n * (_reach(level, power, None) * error / difference) ** 2), 1)


def _reach(level: float, power: float, df: float | None) -> float:
    if not 0 < power < 1:
        raise InputError(f"`power` lies in (0, 1), got {power}.")
    return two_sided(level, df) + float(special.ndtri(power))
