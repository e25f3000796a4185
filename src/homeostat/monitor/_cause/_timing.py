"""Since when: change points of a value and of features, from the rows of both frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, duration, suggest
from homeostat.data import Edges
from homeostat.monitor._cause._values import Values
from homeostat.monitor._windows._change_point import ChangePoint, change_point
from homeostat.monitor._windows._onsets import onset_of_counts

__all__ = ["Timing"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTHS = tuple(map(duration, ("1s", "10s", "1m", "5m", "15m", "1h", "6h", "1d", "7d")))
_MOST_WINDOWS = 500
_BINS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """The rows of both frames in short windows.

    Args:
        values: What changed.
        window: Which window each row is in, those of the reference first, (n + m,).
        starts: When each window begins.
        base: Length of a window.
    """

    values: Values
    window: NDArray[np.int64]
    starts: list[datetime]
    base: timedelta

    @classmethod
    def of(cls, values: Values, time: str, every: str | None) -> Timing:
        """Cut the time of both frames into windows.

        Raises:
            InputError: If the column is missing or holds no times, or a time is missing.
        """
        at = np.concatenate([_microseconds(f, time) for f in (values.reference, values.window)])
        span = timedelta(microseconds=int(np.ptp(at))) if len(at) else timedelta()
        fitting = [length for length in _LENGTHS if span // length < _MOST_WINDOWS]
        base = duration(every) if every is not None else (fitting or [_LENGTHS[-1]])[0]
        if base <= timedelta():
            raise InputError(f"A window has a length, got {base}.")
        place, window = np.unique(at // (base // timedelta(microseconds=1)), return_inverse=True)
        return cls(values, window.astype(np.int64), [_EPOCH + int(i) * base for i in place], base)

    def of_value(self, level: float) -> ChangePoint:
        """Date the change of the value's mean."""
        y = np.concatenate([self.values.then, self.values.now])
        rows = np.bincount(self.window, minlength=len(self.starts))
        means = np.bincount(self.window, y, len(self.starts)) / np.maximum(rows, 1)
        return change_point(
            self.starts, means, weights=rows, base=self.base, name=self.values.name, level=level
        )

    def of_columns(self, names: Sequence[str], level: float, seed: int) -> tuple[ChangePoint, ...]:
        """Date the changes of columns, the earliest first."""
        frames = [f.select(names) for f in (self.values.reference, self.values.window)]
        if not names:
            return ()
        both = pl.concat(frames, how="vertical_relaxed")
        edges = Edges.of(both, bins=_BINS)
        rng = np.random.default_rng(seed)
        found = []
        for name, cells in edges.columns.items():
            size = cells.cells + 1
            place = self.window * size + cells.codes(both.get_column(name))
            counts = np.bincount(place, minlength=len(self.starts) * size).reshape(-1, size)
            found.append(onset_of_counts(name, self.starts, counts, cells, (self.base, level, rng)))
        return tuple(sorted(found, key=lambda one: (one.at is None, one.at or _EPOCH)))


def _microseconds(frame: pl.DataFrame, time: str) -> NDArray[np.int64]:
    if time not in frame.columns:
        raise InputError(f"There is no column of times `{time}`.{suggest(time, frame.columns)}")
    series = frame.get_column(time)
    if series.dtype.base_type() not in {pl.Date, pl.Datetime}:
        raise InputError(f"`{time}` must hold dates or times, got {series.dtype}.")
    if series.null_count():
        raise InputError(
            f"`{time}` must say when each row was, got {series.null_count()} without: drop them."
        )
    if series.dtype == pl.Date:
        series = series.cast(pl.Datetime("us"))
    return series.dt.cast_time_unit("us").to_physical().to_numpy()  # since 1970, UTC
