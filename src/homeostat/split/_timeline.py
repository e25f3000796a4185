"""Timeline: the instants of rows, when their labels are known, and what must not be crossed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Finding, InputError, KnownAt, SchemaError, Verdict, require_columns
from homeostat.split._copies import Copies
from homeostat.split._identity import NONE, Codes
from homeostat.split._links import components

__all__ = ["Timeline", "left_out", "microseconds", "only_side", "span"]

Ints = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).max  # of a label that never came


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """When each row was predicted, and when its label was known.

    Args:
        at: Time of each row, in microseconds, shape (n,).
        until: When its label was known, shape (n,); None where that was not told.
        column: The times as they were.
        name: Of the time column.
    """

    at: Ints
    until: Ints | None
    column: pl.Series
    name: str

    @classmethod
    def of(cls, frame: pl.DataFrame, time: str, label_until: str | None) -> Timeline:
        """Read the times of a frame.

        Args:
            frame: The rows.
            time: Name of the time column; empty if the frame has only one.
            label_until: A known-at rule, such as ``"landed_at"`` or ``"day + 7d"``.
        """
        name = time or _only_time(frame)
        column = _times(frame, name)
        if nulls := column.null_count():
            raise InputError(f"Each row needs a time, `{name}` is null in {nulls} rows: drop them.")
        if not len(column):
            raise InputError("A frame without rows cannot be split: bring data.")
        until = None
        if label_until is not None and (rule := KnownAt.parse(label_until)).column is not None:
            known = _times(frame, rule.column).to_physical()
            until = (known + microseconds(rule.offset)).fill_null(_NEVER).to_numpy()
        return cls(column.to_physical().to_numpy(), until, column, name)

    def end(self, end: datetime | None) -> int:
        """Return the last instant that counts, in microseconds."""
        if end is None:
            return int(self.at.max())
        zone = getattr(self.column.dtype, "time_zone", None)
        if (end.tzinfo is None) != (zone is None):
            raise InputError("`end` must have a time zone exactly if the time column has one.")
        return int(pl.Series([end], dtype=self.column.dtype).to_physical()[0])

    def before(self, instant: int, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Say which of some rows had their label before an instant; all where it was not told."""
        return rows if self.until is None else rows & (self.until < instant)

    def bounds(self, rows: NDArray[np.bool_]) -> tuple[datetime, datetime]:
        """Return the first and last instant of some rows."""
        held = self.column.filter(pl.Series(rows))
        first, last = held.min(), held.max()
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            raise InputError("A part without rows has no first and last instant.")
        return first, last


def span(length: timedelta | float, at: Ints, last: int) -> int:
    """Return the instant after which the last rows lie, ties together.

    Args:
        length: A duration, or the share of all rows.
        at: Times of the rows, in microseconds.
        last: The end of the stretch.
    """
    if isinstance(length, timedelta):
        return last - microseconds(length)
    within = np.sort(at[at <= last])
    many = max(1, round(length * at.size))
    return int(within[max(within.size - many, 0)]) - 1 if within.size else last


def only_side(
    codes: Codes,
    frame: pl.DataFrame,
    groups: Sequence[str],
    copies: Sequence[Copies],
    *,
    keep: str,
) -> Codes:
    """Keep rows of a group in one part only: the latest that it is in, or the earliest.

    Args:
        codes: Part of each row, shape (n,); higher is later.
        frame: The rows.
        groups: Columns of identifiers.
        copies: Rows that count as one group.
        keep: ``"later"`` or ``"earlier"``.
    """
    if keep not in {"later", "earlier"}:
        raise InputError(f"Groups are kept in their 'later' or 'earlier' part, not {keep!r}.")
    unit = components(frame, groups, copies)
    many = int(unit.max(initial=-1)) + 1
    if keep == "later":
        side = np.zeros(many, np.uint8)
        np.maximum.at(side, unit, codes)
    else:
        side = np.full(many, np.iinfo(np.uint8).max, np.uint8)
        held = codes != NONE
        np.minimum.at(side, unit[held], codes[held])
    return np.where(codes == side[unit], codes, NONE).astype(np.uint8)


def left_out(check: str, before: Codes, after: Codes, words: str) -> Finding:
    """Say how many rows were left out to keep what could not be kept otherwise."""
    rows, lost = int((before != NONE).sum()), int(((before != NONE) & (after == NONE)).sum())
    share = lost / max(rows, 1)
    return Finding(
        check=check,
        subject="split",
        verdict=Verdict.WARN if share > 0.5 else Verdict.OK,
        summary=f"{lost:,} of {rows:,} rows ({share:.1%}) are left out, {words}.",
        statistic=share,
        threshold=0.5,
        evidence={"rows": rows, "left_out": lost},
    )


def microseconds(length: timedelta) -> int:
    """Return a duration in microseconds."""
    return length // timedelta(microseconds=1)


def _only_time(frame: pl.DataFrame) -> str:
    times = [name for name, dtype in frame.schema.items() if dtype.is_temporal()]
    if len(times) != 1:
        raise SchemaError(f"Name the time column: the frame has {len(times)} of them: {times}.")
    return times[0]


def _times(frame: pl.DataFrame, name: str) -> pl.Series:
    require_columns(frame, [name])
    column = frame[name]
    if not isinstance(column.dtype, (pl.Date, pl.Datetime)):
        raise SchemaError(f"`{name}` must be a date or a datetime, it is {column.dtype}.")
    return column.cast(pl.Datetime("us", getattr(column.dtype, "time_zone", None)))
