"""Boundaries of a group-sequential test: a few looks, an error that is spent on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy import special

from homeostat.core import InputError
from homeostat.stats import Floats

__all__ = ["Spending", "boundaries", "spent"]

Spending = Literal["obrien-fleming", "pocock"] | float

_FAR = 8.0  # standard errors beyond which a boundary is as good as none
_CELLS = 200


def spent(share: float, alpha: float, spending: Spending = "obrien-fleming") -> float:
    """Return how much of a two-sided error may be spent once a share of the units is in.

    Args:
        share: Units so far over those planned, in (0, 1]; more counts as 1.
        alpha: The whole error.
        spending: ``"obrien-fleming"`` keeps nearly all of it for the end; ``"pocock"`` spends
            about as much each time; a number r spends ``alpha * share ** r``.

    Source: Lan and DeMets (1983), Biometrika 70(3); the power family: Kim and DeMets (1987).

    Example:
        >>> round(spent(0.5, 0.05), 5), spent(0.5, 0.05, 2.0)
        (0.00305, 0.0125)
    """
    t = min(share, 1.0)
    if not t > 0 or not 0 < alpha < 1:
        raise InputError(f"A share of units lies above 0 and alpha in (0, 1): {share}, {alpha}.")
    if spending == "obrien-fleming":  # both sides share the error: twice that of alpha / 2
        return float(4 * special.ndtr(special.ndtri(alpha / 4) / math.sqrt(t)))
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1) * t)
    if isinstance(spending, str) or spending <= 0:
        raise InputError(
            f"`spending` is 'obrien-fleming', 'pocock' or a number above 0, got {spending!r}."
        )
    return float(alpha * t**spending)


def boundaries(
    shares: Sequence[float], *, alpha: float = 0.05, spending: Spending = "obrien-fleming"
) -> Floats:
    """Return what |z| must exceed at each look, so that it ever does with chance ``alpha``.

    Only the looks so far enter, so they need not be planned, as long as when to look does not
    depend on what was seen. The last look, at 1, spends what is left.

    Args:
        shares: (k,) units at each look over those planned, ascending, above 0; of those at or
            above 1 only the first is used.
        alpha: Two-sided error of all looks together.
        spending: As in `spent`.

    Returns:
        Shape (k,); 8 where so little may be spent that it is as good as never.

    Source: Armitage, McPherson and Rowe (1969): the density of z on the paths that have not
    crossed is carried from look to look, here by Simpson's rule over some 200 points.

    Raises:
        InputError: If shares do not ascend, or lie at or below 0.

    Cost: O(looks), some 3 ms each: 0.6 s for 235 of them.

    Example:
        >>> boundaries([0.2, 0.4, 0.6, 0.8, 1.0]).round(3).tolist()
        [4.877, 3.357, 2.68, 2.29, 2.031]
    """
    return np.array(_boundaries(tuple(float(t) for t in shares), alpha, spending))


@lru_cache(maxsize=256)
def _boundaries(shares: tuple[float, ...], alpha: float, spending: Spending) -> tuple[float, ...]:
    ascending = all(a < b for a, b in pairwise(shares))
    if shares and (not ascending or shares[0] <= 0):
        raise InputError(f"Looks lie above 0 and ascend, got {list(shares)}.")
    bounds: list[float] = []
    grid, weights = np.zeros(1), np.ones(1)  # where the sum stands, and how likely uncrossed
    before, used = 0.0, 0.0
    for share in (min(t, 1.0) for t in shares):
        if before >= 1:
            bounds.append(bounds[-1])
            continue
        target = spent(share, alpha, spending) - used
        step, root = math.sqrt(share - before), math.sqrt(share)
        bound = _crossing(grid, weights, step, target, root)
        used += _tail(grid, weights, step, bound * root)
        bounds.append(bound)
        grid, weights = _carried(grid, weights, step, bound * root)
        before = share
    return tuple(bounds)


def _tail(grid: Floats, weights: Floats, step: float, limit: float) -> float:
    """Return the chance that the sum is beyond a limit, on either side, after a step."""
    beyond = special.ndtr((grid - limit) / step) + special.ndtr((-grid - limit) / step)
    return float(beyond @ weights)


def _crossing(grid: Floats, weights: Floats, step: float, target: float, root: float) -> float:
    from scipy.optimize import brentq  # noqa: PLC0415 - a third of a second to import

    def excess(z: float) -> float:
        return _tail(grid, weights, step, z * root) - target

    if excess(_FAR) >= 0:
        return _FAR
    return float(brentq(excess, 0.0, _FAR, xtol=1e-10))


def _carried(grid: Floats, weights: Floats, step: float, limit: float) -> tuple[Floats, Floats]:
    """Return points within the boundary, with the chance to stand there times Simpson's weight."""
    cells = max(_CELLS, 2 * math.ceil(4 * limit / step))
    points = np.linspace(-limit, limit, cells + 1)
    simpson = np.full(cells + 1, 2.0)
    simpson[1::2] = 4.0
    simpson[[0, -1]] = 1.0
    simpson *= points[1] - points[0]
    density = np.exp(-0.5 * np.square((points[:, None] - grid[None, :]) / step))
    density = density @ weights / (step * math.sqrt(2 * math.pi))
    return points, density * simpson / 3
