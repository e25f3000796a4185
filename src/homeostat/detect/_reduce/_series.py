"""Time series as rows: cut into windows, and summarised by what is known to tell series apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.detect._reduce._reducer import array_of
from homeostat.stats import Floats

__all__ = ["SeriesFeatures", "series_windows"]


def series_windows(values: ArrayLike, length: int, *, step: int | None = None) -> Floats:
    """Cut one long series into pieces, each of which is a row of a sample.

    Pieces that overlap tell the same thing twice: tests take rows for independent, so leave
    `step` at `length` for a test, and take pieces long beside the memory of the series.

    Args:
        values: The series, (steps,) or (steps, channels), in the order of time.
        length: Steps in a piece.
        step: From the start of a piece to the next; None is `length`.

    Returns:
        (n, length) or (n, length, channels); steps at the end that fill no piece are left out.

    Example:
        >>> series_windows([1, 2, 3, 4, 5], 2).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    array = array_of(values, least_dims=1, what="A series")
    stride = length if step is None else step
    if array.ndim > 2 or length < 1 or stride < 1:
        raise InputError(
            "A series is (steps,) or (steps, channels) and is cut into pieces of at least 1 step, "
            f"got shape {array.shape}, length {length} and step {stride}."
        )
    if len(array) < length:
        return np.empty((0, length, *array.shape[1:]))
    pieces = np.lib.stride_tricks.sliding_window_view(array, length, axis=0)[::stride]
    return np.ascontiguousarray(np.moveaxis(pieces, -1, 1))


class SeriesFeatures:
    """Summarises each series by level, spread, tails, trend, memory, rhythm and roughness.

    The result is a frame with a named column a feature, so that :class:`SpotTheDiff` says
    "memory at lag 1" rather than "step 17". Missing steps are passed over; a feature that a
    series does not have (the memory of a constant) is 0.

    Args:
        lags: Of the autocorrelations.
        bands: Parts of the spectrum, from slow to fast, each an octave wide.

    Source: a selection of the families in Christ et al. 2018 (tsfresh) and Lubba et al. 2019
    (catch22), each O(steps) or O(steps log steps), over all rows at once.

    Example:
        >>> names = SeriesFeatures(lags=(1,), bands=2)(np.eye(3, 8)).columns
        >>> names[:6], len(names)
        (['mean', 'sd', 'skew', 'kurtosis', 'min', 'q10'], 16)
    """

    def __init__(self, *, lags: tuple[int, ...] = (1, 2, 4, 8), bands: int = 4) -> None:
        self.lags = lags
        self.bands = bands

    def __call__(self, values: ArrayLike, /) -> pl.DataFrame:
        """Return the features of series (n, steps) or (n, steps, channels), one row each."""
        array = array_of(values)
        if array.ndim > 3 or array.shape[1] < 2:
            raise InputError(
                "Series are (n, steps) or (n, steps, channels) with at least 2 steps, got shape "
                f"{array.shape}."
            )
        if array.ndim == 2:
            return pl.DataFrame(self._features(array))
        columns = {}
        for c in range(array.shape[2]):
            for name, column in self._features(array[:, :, c]).items():
                columns[f"{name} of channel {c}"] = column
        return pl.DataFrame(columns)

    def _features(self, x: Floats) -> dict[str, Floats]:
        x = np.clip(x, -1e75, 1e75)  # fourth powers stay numbers
        gone = np.isnan(x)
        empty = gone.all(axis=1)
        count = np.maximum((~gone).sum(axis=1), 1)
        mean = np.where(gone, 0, x).sum(axis=1) / count
        centred = np.where(gone, 0, x - mean[:, None])
        sd = np.sqrt((centred**2).sum(axis=1) / count)
        z = centred / np.where(sd > 1e-12 * np.abs(mean) + 1e-300, sd, np.inf)[:, None]
        out: dict[str, Floats] = {
            "mean": mean,
            "sd": sd,
            "skew": (z**3).sum(axis=1) / count,
            "kurtosis": (z**4).sum(axis=1) / count,
            **_spots(np.where(gone, mean[:, None], x)),
            **_shape(z),
            **{f"memory at lag {k}": _memory(z, k) for k in self.lags if k < x.shape[1]},
            **self._rhythm(z),
        }
        if empty.any():
            out = {name: np.where(empty, np.nan, column) for name, column in out.items()}
        return out

    def _rhythm(self, z: Floats) -> dict[str, Floats]:
        """Return the share of the spectrum in each octave band, the last up to half a cycle."""
        power = np.abs(np.fft.rfft(z, axis=1)[:, 1:]) ** 2
        total = np.maximum(power.sum(axis=1), 1e-300)
        edges = [0, *(power.shape[1] >> k for k in range(self.bands - 1, -1, -1))]
        return {
            f"rhythm band {i}": power[:, a:b].sum(axis=1) / total
            for i, (a, b) in enumerate(pairwise(edges))
        }


def _spots(x: Floats) -> dict[str, Floats]:
    low, q10, q90, high = np.quantile(x, [0, 0.1, 0.9, 1], axis=1)
    return {"min": low, "q10": q10, "q90": q90, "max": high}


def _shape(z: Floats) -> dict[str, Floats]:
    steps = z.shape[1]
    time = np.arange(steps) - (steps - 1) / 2
    wander = np.cumsum(z, axis=1)
    return {
        "trend": z @ time / (steps * time.std()),
        "roughness": np.abs(np.diff(z, axis=1)).mean(axis=1),
        "crossings": (np.diff(np.signbit(z), axis=1) != 0).mean(axis=1),
        "wander": (wander.max(axis=1) - wander.min(axis=1)) / steps,
        "longest run": _longest_run(z > 0) / steps,
    }


def _memory(z: Floats, lag: int) -> Floats:
    return np.asarray((z[:, lag:] * z[:, :-lag]).sum(axis=1) / z.shape[1])


def _longest_run(above: NDArray[np.bool_]) -> Floats:
    """Return the length of the longest stretch of True in each row."""
    steps = np.arange(1, above.shape[1] + 1)
    since = steps - np.maximum.accumulate(np.where(above, 0, steps), axis=1)
    return np.asarray(since.max(axis=1), np.float64)
