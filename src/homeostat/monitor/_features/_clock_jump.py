"""A jump of the clock: hours of the day as before, all moved by the same amount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat.data import ColumnProfile
from homeostat.stats import homogeneity, js_divergence

__all__ = ["ClockJump", "clock_jump", "hours_of_day"]

_HALF_HOUR_US = 1_800_000_000
_LEAST_DIVERGENCE = 0.02  # nats
_ALIKE = 0.25
_LEVEL = 1e-6
_LEAST_HOURS = 12


@dataclass(frozen=True, slots=True)
class ClockJump:
    """All hours of a window lie later than the reference's by so much.

    Args:
        hours: By how much, in (-12, 12]; the clock is read as a circle. Of times, of which a
            profile has a sample, within about an hour.
        before: Jensen-Shannon divergence of the hours as they are, in nats.
        after: The same once moved back.
        p_value: Of the hours as they are having one source, for independent rows.
    """

    hours: float
    before: float
    after: float
    p_value: float


def hours_of_day(column: ColumnProfile) -> NDArray[np.int64] | None:
    """Count a column's rows by half hour of the day, (48,), or by hour where it holds hours.

    Of times from the profile's sample of distinct values, which is uniform. None where the
    column holds neither.
    """
    if column.type == "datetime" and column.sample is not None and len(column.sample.values):
        place = np.asarray(column.sample.values, np.int64) // _HALF_HOUR_US % 48
        counts = np.bincount(place, column.sample.counts, 48).astype(np.int64)
        return counts if int((counts > 0).sum()) > 1 else None
    hours = _of_hours(column)
    if hours is None or int((hours > 0).sum()) < _LEAST_HOURS:
        return None
    return hours


def clock_jump(reference: NDArray[np.int64], column: ColumnProfile) -> ClockJump | None:
    """Return the jump under which a window's hours are the reference's; None if there is none.

    Args:
        reference: Its :func:`hours_of_day`, (24,) or (48,).
        column: The window's column.
    """
    window = _like(column, len(reference))
    if window is None:
        return None
    before = float(js_divergence(window, reference))
    p_value = homogeneity(window, reference).p_value
    if before < _LEAST_DIVERGENCE or p_value > _LEVEL:
        return None
    turned = np.stack([np.roll(reference, k) for k in range(len(reference))])
    after = js_divergence(np.broadcast_to(window, turned.shape), turned)
    best = int(np.argmin(after))
    if best == 0 or float(after[best]) > _ALIKE * before:
        return None
    hours = best * 24 / len(reference)
    return ClockJump(hours - 24 if hours > 12 else hours, before, float(after[best]), p_value)


def _like(column: ColumnProfile, cells: int) -> NDArray[np.int64] | None:
    return hours_of_day(column) if cells == 48 else _of_hours(column)


def _of_hours(column: ColumnProfile) -> NDArray[np.int64] | None:
    """Count whole numbers from 0 to 23; None where the column holds anything else."""
    found = column.frequencies() if column.type == "int" else None
    values = [int(value) for value in found or ()]
    if not found or min(values) < 0 or max(values) > 23:
        return None
    return np.bincount(values, list(found.values()), 24).astype(np.int64)
