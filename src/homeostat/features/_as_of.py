"""The point-in-time join: for each request, the row that was the latest one known by then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import InputError, SchemaError, duration, require_columns

__all__ = ["as_of_join", "as_of_rows", "check_name_free", "moments"]

Ints = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).min
_LARGEST = 2.0**62
_DENSE = 2**30
_TICKS = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def as_of_join(
    requests: pl.DataFrame,
    table: pl.DataFrame,
    *,
    by: Sequence[str],
    at: str,
    time: str,
    created_at: str | None = "created_at",
    ttl: str | timedelta | None = None,
    columns: Sequence[str] | None = None,
    prefix: str = "",
) -> pl.DataFrame:
    """Join to each request the latest row of its key that was known at that moment.

    A row counts for a request if ``time <= at`` and ``created_at <= at``: a value that was filled
    in later was not known, however early the time it is about. Of those that count, the one with
    the latest ``time`` is taken; of equals the one created last; of equals again the one further
    down. Where that one is too old (``time < at - ttl``) the columns are null.

    Args:
        requests: n rows, each with a key and a moment; in any order.
        table: m rows: a key, the moment the values are about, when they became known, values.
        by: Key columns of both frames; a null equals nothing.
        at: Datetime column of ``requests`` with a time zone, without nulls.
        time: Datetime column of ``table`` with a time zone, any zone; a null row never counts.
        created_at: Datetime column of ``table``; a null row never counts. None only where rows
            are known the very moment they are about.
        ttl: How old a value may be; None lets it be of any age.
        columns: Of ``table``, to join; None takes all but keys and times.
        prefix: Put before the names of the joined columns.

    Returns:
        ``requests``, exactly one row each, in their order, with the columns added.

    Raises:
        SchemaError: If a column is missing or of the wrong type, or keys differ in type.
        InputError: If a request has no time, or a joined column's name is taken.

    Cost: O((n + m) log(n + m)) time, O(n + m) memory.

    Example:
        >>> from datetime import UTC, datetime
        >>> day = [datetime(2024, 1, d, tzinfo=UTC) for d in range(1, 6)]
        >>> table = pl.DataFrame({"user": [7, 7], "balance": [10.0, 20.0],
        ...                       "time": day[:2], "created_at": [day[0], day[4]]})
        >>> asked = pl.DataFrame({"user": [7, 7], "at": [day[2], day[4]]})
        >>> as_of_join(asked, table, by=["user"], at="at", time="time")["balance"].to_list()
        [10.0, 20.0]
    """
    times = [time] if created_at is None else [time, created_at]
    taken = columns
    if taken is None:
        taken = [name for name in table.columns if name not in {*by, *times}]
    require_columns(table, [*by, *times, *taken])
    named = {name: prefix + name for name in taken}
    check_name_free(requests, named.values())
    rows = as_of_rows(requests, table, by=by, at=at, time=time, created_at=created_at, ttl=ttl)
    found = pl.Series(rows).replace(-1, None)
    return requests.hstack(table.select(pl.col(taken).gather(found)).rename(named))


def check_name_free(requests: pl.DataFrame, names: object) -> None:
    """Raise InputError if the requests have a column of one of these names."""
    if clash := sorted({*names} & {*requests.columns}):  # type: ignore[misc]
        raise InputError(
            f"The requests have columns of these names already: {', '.join(clash)}. Drop or rename "
            "them, or pass a prefix."
        )


def as_of_rows(
    requests: pl.DataFrame,
    table: pl.DataFrame,
    *,
    by: Sequence[str],
    at: str,
    time: str,
    created_at: str | None,
    ttl: str | timedelta | None = None,
) -> Ints:
    """Return the number of the row that each request gets, (n,); -1 where none was known.

    A row is seen from the later of its two times on, and the best of those seen so far never gets
    worse. So requests and rows are put in one order of (key, moment), and a running maximum of
    the rows' ranks tells each request its row.
    """
    require_columns(requests, [*by, at])
    columns = {name: table[name] for name in dict.fromkeys([time, created_at or time])}
    unit = _finest([requests[at], *columns.values()])
    asked = moments(requests[at], unit)
    if (asked == _NEVER).any():
        nulls = requests[at].null_count()
        raise InputError(f"Each request needs a moment, `{at}` is null in {nulls} rows: drop them.")
    about = moments(columns[time], unit)
    known = moments(columns[created_at], unit) if created_at else about
    row_key, request_key = _keys(table, requests, by)
    rows = np.flatnonzero((row_key >= 0) & (about != _NEVER) & (known != _NEVER))
    about, known, row_key = about[rows], known[rows], row_key[rows]
    if not rows.size:
        return np.full(asked.size, -1)
    ranked = _order(about, known) if created_at else None
    found = _latest_seen(ranked, np.maximum(about, known), row_key, asked, request_key)
    if ttl is not None:
        span = duration(ttl) // timedelta(microseconds=1) * _TICKS[unit] // 1_000_000
        found[(found >= 0) & (about[found] < asked - span)] = -1
    return np.where(found >= 0, rows[found], -1)


def _latest_seen(
    ranked: Ints | None, seen: Ints, row_key: Ints, asked: Ints, request_key: Ints
) -> Ints:
    """Return the best row that each request has seen of its key, (n,); -1 for none.

    Args:
        ranked: Rows from the worst to the best; None where the later seen is the better.
        seen: (m,) from when on a row is known.
        row_key: (m,) number of a row's key.
        asked: (n,) moment of a request.
        request_key: (n,) number of a request's key; -1 equals none.
    """
    m = seen.size
    order = _order(np.concatenate([row_key, request_key]), np.concatenate([seen, asked]))
    is_row = order < m  # of equals, rows come before requests
    rows, requests = order[is_row], order[~is_row] - m
    key, best = row_key[rows], rows
    if ranked is not None:
        rank = np.empty(m, np.int64)
        rank[ranked] = np.arange(m)
        running = rank[rows] + key * m  # a later key's ranks lie above all of an earlier one's
        np.maximum.accumulate(running, out=running)
        best = ranked[running - key * m]
    last = np.cumsum(is_row)[~is_row] - 1  # the row before each request; maybe of another key
    found = np.empty(asked.size, np.int64)
    found[requests] = np.where((last >= 0) & (key[last] == request_key[requests]), best[last], -1)
    return found


def _order(first: Ints, second: Ints) -> Ints:
    """Return the stable order by two columns."""
    frame = pl.DataFrame({"first": first, "second": second})
    if first.size and _span(first) * _span(second) < _LARGEST:  # one number sorts twice as fast
        least = int(second.min())
        packed = (pl.col("first") - int(first.min())) * (int(second.max()) - least + 1)
        order = frame.select(pl.arg_sort_by(packed + pl.col("second") - least, maintain_order=True))
    else:
        order = frame.select(pl.arg_sort_by("first", "second", maintain_order=True))
    return np.asarray(order.to_series().cast(pl.Int64).to_numpy(), dtype=np.int64)


def _span(column: Ints) -> float:
    return float(column.max()) - float(column.min()) + 1


def moments(column: pl.Series, unit: str = "us") -> Ints:
    """Return a datetime column as whole ticks since 1970, the least integer where null.

    What is finer than the unit is cut off towards the past.
    """
    if not isinstance(column.dtype, pl.Datetime) or column.dtype.time_zone is None:
        raise SchemaError(
            f"`{column.name}` must be a datetime with a time zone, it is {column.dtype}: cast it "
            "to `pl.Datetime` and use `dt.replace_time_zone`."
        )
    ticks, own = column.to_physical(), _TICKS[column.dtype.time_unit]
    if own > _TICKS[unit]:
        ticks = ticks // (own // _TICKS[unit])
    factor = max(1, _TICKS[unit] // own)
    if factor > 1 and len(ticks) > ticks.null_count():
        largest = np.iinfo(np.int64).max // factor
        if not ticks.is_between(-largest, largest).all():
            raise InputError(
                f"`{column.name}` reaches beyond the years that nanoseconds can tell (1678 to "
                "2261) and another column has nanoseconds: cast that one to microseconds."
            )
    return np.asarray((ticks * factor).fill_null(_NEVER).to_numpy(), dtype=np.int64)


def _finest(columns: Sequence[pl.Series]) -> str:
    units = [c.dtype.time_unit for c in columns if isinstance(c.dtype, pl.Datetime)]
    return max(units, key=_TICKS.__getitem__, default="us")


def _keys(table: pl.DataFrame, requests: pl.DataFrame, by: Sequence[str]) -> tuple[Ints, Ints]:
    """Number the keys of both frames alike; -1 where one is null."""
    if not by:
        return np.zeros(table.height, np.int64), np.zeros(requests.height, np.int64)
    for name in by:
        held, asked = table.schema[name], requests.schema[name]
        if held != asked and not {held, asked} <= {pl.String, pl.Categorical}:
            raise SchemaError(f"`{name}` is {held} in the table and {asked} in the requests.")
    both = pl.concat([_plain(table, by), _plain(requests, by)])
    keys = _numbers(both.to_series()) if len(by) == 1 else None
    if keys is None:
        there = pl.all_horizontal(pl.all().is_not_null())
        known = both.filter(there).unique().with_row_index("_code")
        code = both.join(known, on=by, how="left", maintain_order="left")["_code"]
        keys = np.asarray(code.cast(pl.Int64).fill_null(-1).to_numpy(), dtype=np.int64)
    return keys[: table.height], keys[table.height :]


def _numbers(column: pl.Series) -> Ints | None:
    """Return whole numbers as they are, but for an offset, where they lie close enough."""
    if not column.dtype.is_integer() or column.null_count() == len(column):
        return None
    least, most = int(column.min()), int(column.max())  # type: ignore[arg-type]
    if most - least >= _DENSE or not -_LARGEST < least <= most < _LARGEST:
        return None
    return np.asarray((column.cast(pl.Int64) - least).fill_null(-1).to_numpy(), dtype=np.int64)


def _plain(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return the keys, categories as text: their codes differ from frame to frame."""
    return frame.select(
        pl.col(name).cast(pl.String) if isinstance(frame.schema[name], pl.Categorical) else name
        for name in by
    )
