"""Streams: sliding windows of features, and a limit with a stated mean time between alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeostat.core import InputError
from homeostat.detect._kernel._points import Floats, check_whole

__all__ = ["Calibration", "Windows", "calibrate", "check_online", "check_size"]

_STREAMS = 500
_ALARMS = 400
_MOST_BYTES = 1_000_000_000
_LEAST = 1e-10  # a distance below this is rounding
_Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What is an alarm.

    Args:
        mean: Of the reference's features, (D,).
        groups: First feature of each group; each group has its own squared distance.
        scales: Lengths of the sliding windows, in rows.
        limits: Of the squared distance of each scale and group, (S, G).
        run_length: Mean rows to an alarm without a change, in the simulated streams.
    """

    mean: Floats
    groups: NDArray[np.int64]
    scales: tuple[int, ...]
    limits: Floats
    run_length: float


def calibrate(
    features: _Features,
    groups: NDArray[np.int64],
    scales: tuple[int, ...],
    *,
    expected_run: float,
    rng: np.random.Generator,
) -> Calibration:
    """Find the limits that give this mean time between false alarms.

    500 streams are drawn from the reference with replacement, each with a reference of its own
    that is a bootstrap sample as large as ours, since what we compare with is a sample too. All
    scales and groups share one budget: each one's squared distance is taken over its quantile at
    1 - 1/expected_run, and the largest ratio has one limit, so that rows until an alarm, counted
    from the first row of the stream, average `expected_run`.

    Args:
        features: Of the reference, (n, D).
        groups: First feature of each group, (G,).
        scales: Lengths of the windows.
        expected_run: Mean rows to a false alarm.
        rng: Of the streams.
    """
    steps = int(np.ceil(max(3.0 * max(scales), _ALARMS * expected_run / _STREAMS)))
    squared = _simulate(features, groups, scales, steps, rng)
    shape = squared.shape[2:]
    usual = np.empty(shape)
    for s, scale in enumerate(scales):
        for g in range(shape[1]):
            usual[s, g] = np.quantile(squared[scale - 1 :, :, s, g], 1 - 1 / expected_run)
    usual = np.maximum(usual, _LEAST)
    worst = (squared / usual).max(axis=(2, 3)).T
    factor, run_length = _limit(worst, expected_run)
    mean = features.mean(axis=0, dtype=np.float64)
    return Calibration(mean, groups, scales, np.maximum(usual * factor, _LEAST), run_length)


class Windows:
    """The rows that the longest window holds, and the squared distances of each window."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._held = np.empty((0, len(calibration.mean)))
        self.seen = 0

    def add(self, features: _Features) -> NDArray[np.float64]:
        """Return how far each window is after each row, over its limit, (k, S, G).

        A window that is not full yet is at 0. Past 1 is an alarm.
        """
        known, rows = self._calibration, len(features)
        held = np.concatenate([self._held, features - known.mean])
        sums = np.concatenate([np.zeros((1, held.shape[1])), np.cumsum(held, axis=0)])
        ratios = np.zeros((rows, *known.limits.shape))
        ends = np.arange(len(held) - rows, len(held)) + 1
        for s, scale in enumerate(known.scales):
            full = ends >= scale
            if full.any():
                last = ends[full]
                means = (sums[last] - sums[last - scale]) / scale
                squared = np.add.reduceat(means**2, known.groups, axis=1)
                ratios[full, s] = squared / known.limits[s]
        self._held = held[-max(known.scales) :]
        self.seen += rows
        return ratios


def check_online(window: int | Sequence[int], expected_run: float) -> tuple[tuple[int, ...], float]:
    """Return the lengths of the windows, rising, and the expected run, or raise InputError."""
    several = (window,) if isinstance(window, (int, np.integer)) else tuple(window)
    scales = tuple(sorted({check_whole(scale, "window", least=2) for scale in several}))
    if not scales:
        raise InputError("`window` is one number of rows or several, got none.")
    if not 2 * scales[0] <= expected_run < 1e6:
        raise InputError(
            "`expected_run` counts the rows to a false alarm on average, at least twice those of "
            f"the shortest window ({scales[0]}) and less than a million, got {expected_run}."
        )
    return scales, float(expected_run)


def check_size(rows: int, features: int) -> None:
    """Raise InputError where the features of a reference would fill the memory."""
    if rows * features * 4 > _MOST_BYTES:
        raise InputError(
            f"{features:,} features of {rows:,} rows would take {rows * features * 4 / 1e9:.1f} "
            "GB: reduce the columns first (`reduce=`), or fit on fewer rows."
        )


def _simulate(
    features: _Features,
    groups: NDArray[np.int64],
    scales: tuple[int, ...],
    steps: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return squared distances, (steps, streams, S, G); 0 where a window is not full."""
    n, width = features.shape
    counts = rng.multinomial(n, np.full(n, 1 / n), size=_STREAMS).astype(np.float32)
    mean = counts @ features / np.float32(n)
    picked = rng.integers(n, size=(steps, _STREAMS), dtype=np.int32)
    squared = np.zeros((steps, _STREAMS, len(scales), len(groups)), dtype=np.float32)
    centred = features - features.mean(axis=0)
    mean -= features.mean(axis=0)
    sums = np.zeros((len(scales), _STREAMS, width), dtype=np.float32)
    for t in range(steps):
        new = centred[picked[t]]
        for s, scale in enumerate(scales):
            sums[s] += new
            if t >= scale:
                sums[s] -= centred[picked[t - scale]]
            if t >= scale - 1:
                apart = sums[s] / np.float32(scale) - mean
                np.square(apart, out=apart)
                squared[t, :, s] = np.add.reduceat(apart, groups, axis=1)
    return squared


def _limit(worst: NDArray[np.float32], expected_run: float) -> tuple[float, float]:
    """Return the limit of ratios (streams, steps), and the mean run that it gives.

    Runs that the simulation ends are taken as censored: the mean is all rows over all alarms.
    """
    record = np.maximum.accumulate(worst, axis=1)
    candidates = np.unique(record[:, -1])
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if _mean_run(record, float(candidates[middle])) < expected_run:
            low = middle + 1
        else:
            high = middle
    limit = float(candidates[low])
    return limit, _mean_run(record, limit)


def _mean_run(record: NDArray[np.float32], limit: float) -> float:
    within = (record <= limit).sum(axis=1)
    alarms = int((within < record.shape[1]).sum())
    exposure = int(np.minimum(within + 1, record.shape[1]).sum())
    return exposure / alarms if alarms else float(exposure)
