"""What people slice by: columns, crossed columns, conditions, kept slices, windows of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import reduce

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import Expression, InputError, parse_expression, suggest
from homeostat.evaluate._slicing._cuts import Cut, crossed, cut
from homeostat.evaluate._slicing._predicates import Slice

__all__ = ["SliceBy", "sliced", "time_slices", "windows_of"]

SliceBy = str | tuple[str, ...] | Slice


def sliced(
    frame: pl.DataFrame, by: Sequence[SliceBy], *, bins: int, rare: int
) -> Iterator[tuple[Slice, NDArray[np.bool_]]]:
    """Give each slice with its rows; a column's slices in the order of its values."""
    cuts: dict[str, Cut] = {}
    for one in by:
        kept = _condition(frame, one)
        if kept is not None:
            yield kept, kept.mask(frame)
            continue
        columns = (one,) if isinstance(one, str) else one
        assert not isinstance(columns, Slice)  # noqa: S101 - such a one was given above
        for column in columns:
            if column not in cuts:
                cuts[column] = cut(frame, column, bins=bins, rare=rare)
        found = reduce(crossed, [cuts[column] for column in columns])
        for code, part in enumerate(found.slices):
            yield part, found.codes == code


def _condition(frame: pl.DataFrame, one: SliceBy) -> Slice | None:
    """Return a slice as it is, and a text that is no column as the condition that it says."""
    if isinstance(one, Slice):
        return one
    if not isinstance(one, str) or one in frame.columns:
        return None
    try:
        node = parse_expression(one)
    except InputError as error:
        known = suggest(one, frame.columns)
        raise InputError(
            f"There is no column `{one}`,{known} and it is no condition: {error}"
        ) from error
    return None if node.op in {"name", "value"} else Slice.where(one)


def windows_of(
    frame: pl.DataFrame, column: str, every: str
) -> tuple[NDArray[np.intp], list[date | datetime]]:
    """Return the window of time that each row is in, -1 without a time, and their starts.

    Raises:
        InputError: If the column is not there or holds no dates or times, or ``every`` is no
            length of time.
    """
    if column not in frame.columns:
        raise InputError(f"There is no column `{column}`.{suggest(column, frame.columns)}")
    if frame[column].dtype.base_type() not in {pl.Date, pl.Datetime}:
        raise InputError(f"`{column}` must hold dates or times, got {frame[column].dtype}.")
    try:
        starts = frame[column].dt.truncate(every)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"`every` is a length of time such as '1w', '1d' or '1mo', got {every!r}."
        ) from error
    known = starts.drop_nulls().unique().sort()
    place = starts.rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
    return place.astype(np.intp), known.to_list()


def time_slices(frame: pl.DataFrame, column: str, *, every: str = "1w") -> list[Slice]:
    """Return a slice a window of time in which there is a row.

    Args:
        frame: Holds the column.
        column: Dates or times.
        every: The length of a window, as in Polars: ``"1h"``, ``"1d"``, ``"1w"``, ``"1mo"``.

    Raises:
        InputError: If the column is not there or holds no dates or times.

    Example:
        >>> from datetime import date
        >>> frame = pl.DataFrame({"day": [date(2026, 1, 5), date(2026, 1, 13)]})
        >>> for one in time_slices(frame, "day"):
        ...     print(one)
        day >= '2026-01-05' and day < '2026-01-12'
        day >= '2026-01-12' and day < '2026-01-19'
    """
    _, starts = windows_of(frame, column, every)
    series = pl.Series("start", starts, dtype=frame[column].dtype)
    ends = series.dt.offset_by(every).to_list()
    name = str(Expression("name", value=column))
    return [
        Slice.where(f"{name} >= '{_said(low)}' and {name} < '{_said(high)}'")
        for low, high in zip(starts, ends, strict=True)
    ]


def _said(moment: date | datetime) -> str:
    return moment.isoformat().removesuffix("T00:00:00")
