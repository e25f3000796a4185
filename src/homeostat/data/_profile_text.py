"""A profile as a table of text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from homeostat.data._profile import Profile
from homeostat.data._profile_column import ColumnProfile
from homeostat.data._profile_words import value as in_words

__all__ = ["describe"]

_HEAD = (
    "column",
    "type",
    "rows",
    "missing",
    "distinct",
    "mean",
    "std",
    "min",
    "25%",
    "50%",
    "75%",
    "max",
    "most frequent",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDEST = 24


def describe(profile: Profile) -> str:
    """Return a table with one line a column, for a terminal or a notebook.

    `missing` is the share of null, NaN and infinite rows; quantiles are the sketch's.

    Example:
        >>> import polars as pl
        >>> print(describe(Profile.of(pl.DataFrame({"x": [1, 2, 2, None]}))))
        column  type  rows  missing  distinct  mean   std     min  25%  50%  75%  max  most frequent
        x       int   4     25.0%    2         1.667  0.4714  1    1    2    2    2    2 (66.7%)
    """
    lines = [_HEAD, *(_line(name, column) for name, column in profile.columns.items())]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join(padded)


def _line(name: str, column: ColumnProfile) -> Sequence[str]:
    missing = (column.count - column.present) / column.count if column.count else 0.0
    is_time = column.type in {"date", "datetime"}
    moments = (None, None) if is_time else (column.mean, column.std)
    quarters: Sequence[float | None] = column.quantile(0.25, 0.5, 0.75) or (None, None, None)
    values = [*moments, column.min, *quarters, column.max]
    distinct = "-" if column.distinct is None else f"{column.distinct:.0f}"
    return [
        _cut(name),
        column.type,
        str(column.count),
        f"{missing:.1%}",
        distinct,
        *(_shown(value, column.type) for value in values),
        _most_frequent(column),
    ]


def _most_frequent(column: ColumnProfile) -> str:
    top = column.top(1)
    if not top or top[0][1] < 2:
        return "-"
    value, count = top[0]
    return f"{_shown(value, column.type)} ({count / column.present:.1%})"


def _shown(value: float | str | None, type_: str) -> str:
    if value is None:
        return "-"
    if type_ in {"date", "datetime"} and not isinstance(value, str):
        try:
            moment = _EPOCH + timedelta(microseconds=int(value))
        except OverflowError:  # beyond the years of Python's calendar
            return in_words(value, type_)
        return f"{moment:%Y-%m-%d}" if type_ == "date" else f"{moment:%Y-%m-%dT%H:%M:%S}"
    return _cut(value) if isinstance(value, str) else f"{value:.4g}"


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
