"""Which step a row gets, and what else is written beside it."""

from __future__ import annotations

import operator
from collections.abc import Callable

from homeostat.core import Json
from homeostat.track._metric import Metrics
from homeostat.track._values import Sorted

__all__ = ["LATE", "add_axes", "wanted_step"]

LATE = (
    "step {wanted} is before step {open}, which is open: steps must not go back, so this row is "
    "dropped, and so will be others like it. Log a counter of your own instead, and name it with "
    "define_metric(step_metric=)."
)


def wanted_step(step: object, warn: Callable[[str], None]) -> int | None:
    """Return the step that was asked for; None is the one that is open.

    Example:
        >>> wanted_step(3.0, print), wanted_step("three", print)
        a step is a whole number from 0 on, got 'three'; the open one is used.
        (3, None)
    """
    if step is None:
        return None
    try:
        wanted = operator.index(step)  # type: ignore[arg-type]  # what is none raises
    except TypeError:
        wanted = int(step) if isinstance(step, float) and step.is_integer() else -1
    if 0 <= wanted < 1 << 63:
        return wanted
    warn(f"a step is a whole number from 0 on, got {step!r}; the open one is used.")
    return None


def add_axes(row: Sorted, metrics: Metrics, latest: dict[str, Json]) -> None:
    """Add the last value of each x axis that a row's metrics want and the row lacks."""
    for axis in metrics.axes([*row.numbers, *row.others]) if metrics else ():
        last = latest.get(axis)
        if axis not in row.numbers and isinstance(last, (int, float)):
            row.numbers[axis] = last
