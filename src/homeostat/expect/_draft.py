"""Expectations drafted from a profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from homeostat.core import Expectation, InputError
from homeostat.data import ColumnProfile, Profile
from homeostat.data._infer import widened

__all__ = ["of_profile"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REPEATED = 2


def of_profile(
    profile: Profile, *, max_categories: int = 50, slack: float = 0.1
) -> Iterator[Expectation]:
    """Yield what a profile suggests: columns, types, nulls, closed sets, ranges.

    Args:
        profile: Of the rows that are as they should be.
        max_categories: Most distinct texts that are taken for a closed set.
        slack: Share of a range added at both of its ends; ranges only warn.

    Raises:
        InputError: If the profile has no rows.
    """
    if not profile.rows:
        raise InputError("A suite is drafted from rows, and this profile has none.")
    for name, column in profile.columns.items():
        yield Expectation("expect_column_to_exist", name)
        if column.type in {"bool", "int", "float", "string", "date", "datetime"}:
            kinds = ["float", "int"] if column.type == "float" else [column.type]
            type_list: Mapping[str, Any] = {"type_list": kinds}
            yield Expectation("expect_column_values_to_be_in_type_list", name, type_list)
        if column.count and not column.nulls:
            yield Expectation("expect_column_values_to_not_be_null", name)
        if column.type == "float":
            allow = {"allow_nan": column.nans > 0, "allow_inf": column.infs > 0}
            yield Expectation("expect_column_values_to_be_finite", name, allow)
        yield from _values(name, column, max_categories, slack)


def _values(
    name: str, column: ColumnProfile, max_categories: int, slack: float
) -> Iterator[Expectation]:
    """Yield what the values suggest: a closed set of texts, or a range."""
    sample = column.sample
    if column.type == "string":
        few = sample is not None and sample.complete and 0 < len(sample.values) <= max_categories
        if sample is not None and few and column.present >= _REPEATED * len(sample.values):
            found = sorted(str(value) for value in sample.values)
            yield Expectation("expect_column_values_to_be_in_set", name, {"value_set": found})
    elif column.min is not None and column.max is not None and not column.infs:
        ends = _ends(column, slack)
        if ends is not None:
            limits = {"min_value": ends[0], "max_value": ends[1]}
            yield Expectation("expect_column_values_to_be_between", name, limits, severity="warn")


def _ends(column: ColumnProfile, slack: float) -> tuple[Any, Any] | None:
    low, high = column.min, column.max
    if isinstance(low, str) or isinstance(high, str) or low is None or high is None:
        return None
    if column.type in {"int", "float"}:
        kind = int if column.type == "int" else float
        return widened(kind(low), kind(high), slack)
    if column.type in {"date", "datetime"}:
        more = timedelta(microseconds=int((high - low) * slack))
        ends = [_EPOCH + timedelta(microseconds=int(end)) for end in (low, high)]
        first, last = ends[0] - more, ends[1] + more
        if column.type == "date":
            return _day(first), _day(last + timedelta(days=1))
        return first.isoformat(), last.isoformat()
    return None


def _day(instant: datetime) -> str:
    return date(instant.year, instant.month, instant.day).isoformat()
