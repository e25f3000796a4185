"""Point-in-time aggregates: what was really known at the moment of a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, SchemaError, duration, require_columns

__all__ = ["RecentMean", "recent_mean"]

_RESOLUTION = 2.0**-20
_LARGEST_SUM = 2.0**62


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentMean:
    """The declaration of a mean over the recent past, computed by :func:`recent_mean`.

    Args:
        events: Name of the stream of events, such as ``"departures"``.
        value: Column of the events that is averaged; a bool gives a share.
        known_at: Column of the events: when the value became known.
        at: Column of the queries: when the prediction is made.
        window: How far back to look, such as ``"3h"``.
        by: Columns, of both frames, that must be equal; none takes all events.
    """

    events: str
    value: str
    known_at: str
    at: str
    window: str
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", tuple(self.by))
        window_us(self.window)


def recent_mean(
    queries: pl.DataFrame,
    events: pl.DataFrame,
    *,
    value: str,
    known_at: str,
    at: str,
    window: str | timedelta,
    by: Sequence[str] = (),
) -> pl.Series:
    """Average, for each query, the values that became known in the window before it.

    An event counts for a query if ``at - window <= known_at < at``: what becomes known in the
    very instant of the prediction is too late. Sums are kept in whole multiples of 2**-20, so
    the result does not depend on the order of events or on how much older history is held:
    :class:`OnlineFeatures` gives the same bits for one row as this does for a million.

    Args:
        queries: One row a prediction (n rows).
        events: One row an event (m rows), in any order.
        value: Numeric or bool column of ``events``; a null is no event.
        known_at: Datetime column of ``events``; null means never known.
        at: Datetime column of ``queries``, without nulls, in the same time zone.
        window: How far back to look.
        by: Columns of both frames that must be equal; a null equals nothing.

    Returns:
        Float64 of length n, named ``value``; null where nothing was known. Values of whole
        numbers are exact, others are rounded to 2**-20 (about 1e-6).

    Raises:
        InputError: If a value is not finite, a query has no time, or sums would overflow.
        SchemaError: If a column is missing or has the wrong type.

    Cost: O((m + n) log m) time, O(m + n) memory.

    Example:
        >>> from datetime import UTC, datetime
        >>> hour = [datetime(2013, 1, 1, h, tzinfo=UTC) for h in range(5)]
        >>> left = pl.DataFrame({"from": ["JFK"] * 3, "delay": [4, 8, 90], "left_at": hour[:3]})
        >>> asked = pl.DataFrame({"from": ["JFK", "JFK", "LGA"], "at": [hour[2], hour[3], hour[3]]})
        >>> recent_mean(asked, left, value="delay", known_at="left_at", at="at", window="2h",
        ...             by=["from"]).to_list()
        [6.0, 49.0, None]
    """
    span = window_us(window)
    kept, times, fixed = known_events(events, value=value, known_at=known_at, by=by)
    asked = instants(queries, at)
    event_code, query_code = _codes(kept, require_columns(queries, by), by)
    ticks = pl.Series(times).unique().sort().to_numpy()
    position = event_code * (ticks.size + 1) + np.searchsorted(ticks, times)
    order = np.argsort(position, kind="stable")
    position, total = position[order], np.concatenate([[0], np.cumsum(fixed[order])])
    grouped = np.argsort(query_code, kind="stable")  # neighbours look in the same place: quicker
    start, asked = query_code[grouped] * (ticks.size + 1), asked[grouped]
    first = np.searchsorted(position, start + np.searchsorted(ticks, asked - span))
    last = np.searchsorted(position, start + np.searchsorted(ticks, asked))
    count = np.where(start < 0, 0, last - first)
    mean = np.full(queries.height, np.nan)
    with np.errstate(invalid="ignore"):
        mean[grouped] = (total[last] - total[first]) * _RESOLUTION / count
    return pl.Series(value, mean).fill_nan(None)


def known_events(
    events: pl.DataFrame, *, value: str, known_at: str, by: Sequence[str]
) -> tuple[pl.DataFrame, NDArray[np.int64], NDArray[np.int64]]:
    """Return the events that count, their instants in microseconds, and fixed-point values."""
    require_columns(events, [*by, value, known_at])
    if not (events.schema[value].is_numeric() or events.schema[value] == pl.Boolean):
        raise SchemaError(f"`{value}` must be numeric or bool, it is {events.schema[value]}.")
    kept = events.filter(
        pl.col(value).is_not_null()
        & pl.col(known_at).is_not_null()
        & pl.all_horizontal([pl.lit(True), *(pl.col(name).is_not_null() for name in by)])
    )
    values = kept[value].cast(pl.Float64).to_numpy()
    if not np.isfinite(values).all():
        wrong = int((~np.isfinite(values)).sum())
        raise InputError(f"`{value}` must be finite or null, got {wrong} NaN or infinite values.")
    if np.abs(values).sum() >= _LARGEST_SUM * _RESOLUTION:
        raise InputError(f"`{value}` sums to more than {_LARGEST_SUM * _RESOLUTION:.0e}: rescale.")
    fixed = np.rint(values / _RESOLUTION).astype(np.int64)
    return kept, instants(kept, known_at), fixed


def instants(frame: pl.DataFrame, name: str) -> NDArray[np.int64]:
    """Return a datetime column without nulls as microseconds since 1970."""
    column = require_columns(frame, [name])[name]
    if not isinstance(column.dtype, pl.Datetime):
        raise SchemaError(f"`{name}` must be a datetime, it is {column.dtype}.")
    if nulls := column.null_count():
        raise InputError(f"Each query needs a time, `{name}` is null in {nulls} rows: drop them.")
    if column.dtype.time_zone is None:
        raise SchemaError(f"`{name}` needs a time zone: use `dt.replace_time_zone`.")
    return column.cast(pl.Datetime("us", column.dtype.time_zone)).cast(pl.Int64).to_numpy()


def mean_of(total: int, count: int) -> float | None:
    """Return the mean that a sum of fixed-point values stands for, as the batch has it."""
    return total * _RESOLUTION / count if count else None


def window_us(window: str | timedelta) -> int:
    """Return a window's length in microseconds."""
    span = duration(window) // timedelta(microseconds=1)
    if span <= 0:
        raise InputError(f"A window must be longer than nothing, got {window!r}.")
    return span


def _codes(
    events: pl.DataFrame, queries: pl.DataFrame, by: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the groups of the events; a query whose group has no events gets -1."""
    if not by:
        return np.zeros(events.height, np.int64), np.zeros(queries.height, np.int64)
    for name in by:
        if (held := events.schema[name]) != (asked := queries.schema[name]):
            raise SchemaError(f"`{name}` is {held} in the events and {asked} in the queries.")
    groups = events.select(by).unique().with_row_index("_code")
    codes = (
        frame.select(by).join(groups, on=by, how="left", maintain_order="left")["_code"]
        for frame in (events, queries)
    )
    first, second = (code.cast(pl.Int64).fill_null(-1).to_numpy() for code in codes)
    return first, second
