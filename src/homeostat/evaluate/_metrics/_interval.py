"""From a metric and its error to an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy import special

from homeostat.stats import Interval, two_sided, wilson

__all__ = ["Estimated", "analytic"]

Shape = Literal["share", "area", "number"]


@dataclass(frozen=True, slots=True)
class Estimated:
    """A metric's value and error, before an interval is made of them.

    Args:
        name: What people call it.
        of: The class's place; None is all of them.
        value: None where it is undefined.
        error: Its standard error over blocks.
        trials: Rows it is a share of; only these bound it where the error is 0.
        shape: ``"share"`` lies in [0, 1] like a proportion, ``"area"`` like an AUC, and a
            ``"number"`` is taken as it is, cut at ``within``.
        within: The range of a number.
        plain: Whether it is the share of independent rows of one weight, so that Wilson's
            interval is exact in its trials.
        most: More trials than it can be worth: the number of rows.
        note: What makes the rows a special case.
    """

    name: str
    of: int | None
    value: float | None
    error: float
    trials: float
    shape: Shape
    within: tuple[float, float] = (0.0, 1.0)
    plain: bool = False
    most: float = math.inf
    note: str = ""


def analytic(found: Estimated, n_blocks: int, level: float) -> tuple[Interval | None, str]:
    """Return the interval and how it was made; None for fewer than two blocks or no error."""
    value = found.value
    if value is None:
        return None, ""
    if found.shape == "share":
        return _share(found, value, n_blocks, level), "wilson"
    if n_blocks < 2:
        return None, ""
    if found.shape == "area":
        return _area(found, value, n_blocks, level), "delong" if "auc" in found.name else "delta"
    if found.error == 0 and found.within == (-1.0, 1.0):
        return None, ""
    half = two_sided(level, n_blocks - 1) * found.error
    low, high = found.within
    return Interval(max(value - half, low), min(value + half, high), level), "delta"


def _share(found: Estimated, value: float, n_blocks: int, level: float) -> Interval:
    """Wilson's, with as many trials as the error says the rows are worth."""
    trials = found.trials
    value = min(max(value, 0.0), 1.0)
    inside = 1e-12 < value < 1 - 1e-12
    if not found.plain and inside and found.error > 0 and n_blocks > 1:
        narrowed = two_sided(level) / two_sided(level, n_blocks - 1)
        trials = min(value * (1 - value) / found.error**2 * narrowed**2, found.most)
    return wilson(min(value * trials, trials), trials, level=level)


def _area(found: Estimated, value: float, n_blocks: int, level: float) -> Interval:
    """On the logit scale; a perfect order has no spread of its own and gets Wilson's."""
    if min(value, 1 - value) <= 1e-12 or found.error == 0:
        return wilson(min(value, 1.0) * found.trials, found.trials, level=level)
    centre = float(special.logit(value))
    half = two_sided(level, n_blocks - 1) * found.error / (value * (1 - value))
    low, high = special.expit([centre - half, centre + half])
    if math.isnan(low) or math.isnan(high):
        return wilson(value * found.trials, found.trials, level=level)
    return Interval(float(low), float(high), level)
