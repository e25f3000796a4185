"""A value of each row of two frames: whose mean has changed, and by how much for sure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, suggest
from homeostat.stats import Interval, influence_error, two_sided

__all__ = ["LEAST_ROWS", "Values"]

LEAST_ROWS = 30
_Floats = NDArray[np.float64]
_Blocks = NDArray[Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The rows of two frames that have a value, and the values.

    Args:
        name: Of the value.
        reference: Rows of before that have one.
        window: Rows of now.
        then: The value of each, (n,).
        now: Likewise, (m,).
        blocks_then: The block of each row; None where rows are independent.
        blocks_now: Likewise.
        left_out: Rows of both frames without a finite value.
        level: Of intervals.
    """

    name: str
    reference: pl.DataFrame
    window: pl.DataFrame
    then: _Floats
    now: _Floats
    blocks_then: _Blocks
    blocks_now: _Blocks
    left_out: int
    level: float

    @classmethod
    def of(
        cls,
        reference: pl.DataFrame,
        window: pl.DataFrame,
        value: str,
        *,
        blocks: str | None = None,
        level: float = 0.95,
    ) -> Values:
        """Read them.

        Raises:
            InputError: If a column is missing or holds no numbers, or the level is none.
        """
        if not 0 < level < 1:
            raise InputError(f"`level` lies in (0, 1), got {level}.")
        parts: list[tuple[pl.DataFrame, _Floats]] = []
        dropped = 0
        for frame, which in ((reference, "reference"), (window, "window")):
            values = _numbers(frame, value, which)
            known = np.isfinite(values)
            dropped += int(len(values) - known.sum())
            parts.append((frame.filter(pl.Series(known)), values[known]))
        keys = [None if blocks is None else _keys(frame, blocks) for frame, _ in parts]
        (before, then), (after, now) = parts
        return cls(value, before, after, then, now, keys[0], keys[1], dropped, level)

    def only(self, then: NDArray[np.int64], now: NDArray[np.int64]) -> Values:
        """Return some of the rows."""
        blocks = [
            None if keys is None else keys[rows]
            for keys, rows in ((self.blocks_then, then), (self.blocks_now, now))
        ]
        return replace(
            self,
            reference=self.reference[then],
            window=self.window[now],
            then=self.then[then],
            now=self.now[now],
            blocks_then=blocks[0],
            blocks_now=blocks[1],
        )

    @property
    def enough(self) -> bool:
        """Whether both frames have rows enough to conclude anything."""
        return min(len(self.then), len(self.now)) >= LEAST_ROWS

    @property
    def change(self) -> float:
        """Mean now less mean then; 0 where one has no rows."""
        if not len(self.then) or not len(self.now):
            return 0.0
        return float(self.now.mean() - self.then.mean())

    @property
    def interval(self) -> Interval | None:
        """Of the change; None with too few rows or fewer than two blocks."""
        return self.interval_of(self.then, self.now) if self.enough else None

    def interval_of(self, then: _Floats, now: _Floats) -> Interval | None:
        """Return the interval of the difference of the means of any value of the same rows."""
        sides = ((then, self.blocks_then), (now, self.blocks_now))
        errors = [influence_error((x - x.mean()) / len(x), blocks) for x, blocks in sides]
        if min(count for _, count in errors) < 2:
            return None
        # Welch's degrees of freedom are at least the smaller side's
        degrees = float(min(count for _, count in errors) - 1)
        half = two_sided(self.level, degrees) * float(np.hypot(errors[0][0], errors[1][0]))
        change = float(now.mean() - then.mean())
        return Interval(change - half, change + half, self.level)


def _numbers(frame: pl.DataFrame, value: str, which: str) -> _Floats:
    if not isinstance(frame, pl.DataFrame):
        raise InputError(f"The {which} must be a Polars DataFrame, got {type(frame).__name__}.")
    if value not in frame.columns:
        raise InputError(f"The {which} has no `{value}`.{suggest(value, frame.columns)}")
    series = frame.get_column(value)
    if not series.dtype.is_numeric() and series.dtype not in {pl.Boolean, pl.Null}:
        raise InputError(
            f"`{value}` of the {which} must be numbers or booleans, got {series.dtype}: a class "
            "becomes one by `== it`."
        )
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _keys(frame: pl.DataFrame, blocks: str) -> NDArray[Any]:
    if blocks not in frame.columns:
        raise InputError(
            f"There is no column of blocks `{blocks}`.{suggest(blocks, frame.columns)}"
        )
    codes = frame.get_column(blocks).rank("dense").cast(pl.Int64, strict=False)
    return codes.fill_null(0).to_numpy()
