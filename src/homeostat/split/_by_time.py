"""Splits by time: what was learned from lies before what it is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from homeostat.core import InputError, SchemaError, duration
from homeostat.split._offer import present
from homeostat.split._splits import Splits

__all__ = ["TimeSplit", "by_time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSplit:
    """Training, then a gap, then validation, then a gap, then the test: called on a frame.

    Args:
        validation: Length of the validation part.
        test: Length of the test part, which ends with the last row.
        gap: Left out before validation and before the test. It must be at least the delay of
            the label, else training uses outcomes that were not there yet; `check_split` checks.
        train: Length of the training part; None takes everything before.
    """

    validation: timedelta
    test: timedelta
    gap: timedelta = timedelta()
    train: timedelta | None = None

    def __post_init__(self) -> None:
        lengths = [self.validation, self.test, *([self.train] if self.train is not None else [])]
        if min(lengths) <= timedelta() or self.gap < timedelta():
            raise InputError("Parts must be longer than nothing and the gap not negative.")

    def __call__(
        self, frame: pl.DataFrame, *, time: str = "", end: datetime | None = None
    ) -> Splits:
        """Split the rows of a frame.

        Args:
            frame: In any order; rows of one instant always come into one part.
            time: The column with the time of prediction; may be left out where the frame has
                one column of dates or times only.
            end: The instant after which rows are left out; None takes all rows.

        Raises:
            InputError: If a part would be empty, or a row has no time.
            SchemaError: If there is no such column or it is no time.
        """
        name = time or _only_time(frame)
        at = _times(frame, name)
        last = _latest(at, end)
        test = last - self.test
        validation = test - self.gap - self.validation
        train_end = validation - self.gap
        rows = {
            "train": at <= train_end,
            "validation": (at > validation) & (at <= test - self.gap),
            "test": (at > test) & (at <= last),
        }
        if self.train is not None:
            rows["train"] &= at > train_end - self.train
        bounds = {
            part: (_instant(held.min()), _instant(held.max()))
            for part, mask in rows.items()
            if (held := at.filter(mask)).len()
        }
        masks = {part: mask.to_numpy() for part, mask in rows.items()}
        return Splits(masks, "time", bounds, self.gap, name)


def by_time(
    *,
    validation: str | timedelta = "14d",
    test: str | timedelta = "14d",
    gap: str | timedelta = "1d",
    train: str | timedelta | None = None,
) -> TimeSplit:
    """Return a split by time; lengths are durations such as ``"14d"``.

    Example:
        >>> from datetime import date
        >>> days = pl.DataFrame({"day": pl.date_range(date(2013, 1, 1), date(2013, 1, 31),
        ...                                           eager=True)})
        >>> splits = by_time(validation="7d", test="7d", gap="1d")(days, time="day")
        >>> [int(splits.masks[part].sum()) for part in ("train", "validation", "test")]
        [15, 7, 7]
    """
    return TimeSplit(
        validation=duration(validation),
        test=duration(test),
        gap=duration(gap),
        train=None if train is None else duration(train),
    )


def _only_time(frame: pl.DataFrame) -> str:
    times = [name for name, dtype in frame.schema.items() if dtype.is_temporal()]
    if len(times) != 1:
        raise SchemaError(f"Name the time column: the frame has {len(times)} of them: {times}.")
    return times[0]


def _times(frame: pl.DataFrame, name: str) -> pl.Series:
    present(frame, [name])
    column = frame[name]
    if not isinstance(column.dtype, (pl.Date, pl.Datetime)):
        raise SchemaError(f"`{name}` must be a date or a datetime, it is {column.dtype}.")
    if nulls := column.null_count():
        raise InputError(f"Each row needs a time, `{name}` is null in {nulls} rows: drop them.")
    return column.cast(pl.Datetime("us", getattr(column.dtype, "time_zone", None)))


def _latest(at: pl.Series, end: datetime | None) -> datetime:
    latest = end or _instant(at.max())
    if (latest.tzinfo is None) != (getattr(at.dtype, "time_zone", None) is None):
        raise InputError("`end` must have a time zone exactly if the time column has one.")
    return latest


def _instant(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise InputError("A frame without rows cannot be split: bring data.")
    return value
