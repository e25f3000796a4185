"""Expectations on what is computed over a column, on its names and types, and in free form."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from homeostat.core import ColumnType, Json, SchemaError
from homeostat.data._rules import About, ColumnRule, TableRule, register_expectation
from homeostat.data._rules_rows import shown
from homeostat.data._types import column_type

__all__: list[str] = []

Bound = int | float | str | None


def _within(
    low: object, high: object, *, strict_min: bool, strict_max: bool
) -> Callable[[object], bool]:
    above = operator.gt if strict_min else operator.ge
    below = operator.lt if strict_max else operator.le

    def holds(value: object) -> bool:
        return (low is None or above(value, low)) and (high is None or below(value, high))

    return holds


def _summary(
    noun: str, compute: Callable[[pl.Expr], pl.Expr], *, typed: bool
) -> Callable[..., ColumnRule]:
    """Make the builder of "a summary of the column lies in a range"."""

    def build(
        about: About,
        *,
        min_value: Bound = None,
        max_value: Bound = None,
        strict_min: bool = False,
        strict_max: bool = False,
    ) -> ColumnRule:
        if min_value is None and max_value is None:
            raise SchemaError("a range needs `min_value` or `max_value`.")
        low, high = (
            about.literal(value, argument="min_value") if typed and value is not None else value
            for value in (min_value, max_value)
        )
        ends = [] if min_value is None else [f"{'>' if strict_min else '>='} {min_value}"]
        ends += [] if max_value is None else [f"{'<' if strict_max else '<='} {max_value}"]
        return ColumnRule(
            value=compute(about.values()),
            holds=_within(low, high, strict_min=strict_min, strict_max=strict_max),
            words=f"the {noun} of `{about.name}` is {' and '.join(ends)}",
            columns=(about.name,),
        )

    build.__doc__ = f"The {noun} of the column's values lies in a range."
    return build


def _share_unique(values: pl.Expr) -> pl.Expr:
    present = values.count()
    return pl.when(present > 0).then(values.drop_nulls().n_unique() / present)


for _name, _noun, _compute, _typed in (
    ("min", "minimum", pl.Expr.min, True),
    ("max", "maximum", pl.Expr.max, True),
    ("mean", "mean", pl.Expr.mean, False),
    ("median", "median", pl.Expr.median, False),
    ("stdev", "standard deviation", pl.Expr.std, False),
    ("sum", "sum", lambda values: pl.when(values.count() > 0).then(values.sum()), False),
    ("unique_value_count", "count of distinct values", lambda v: v.drop_nulls().n_unique(), False),
    ("proportion_of_unique_values", "share of distinct values", _share_unique, False),
):
    register_expectation(f"expect_column_{_name}_to_be_between")(
        _summary(_noun, _compute, typed=_typed)
    )


@register_expectation("expect_column_quantile_values_to_be_between")
def quantiles_between(about: About, *, quantile_ranges: Mapping[str, Sequence[Json]]) -> ColumnRule:
    """Each of some quantiles (linear interpolation) lies in its range.

    Args:
        about: The column.
        quantile_ranges: ``{"quantiles": [.5, .9], "value_ranges": [[0, 10], [None, 60]]}``.
    """
    try:
        levels, ranges = quantile_ranges["quantiles"], quantile_ranges["value_ranges"]
        pairs = [
            (float(level), low, high) for level, (low, high) in zip(levels, ranges, strict=True)
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise SchemaError(
            "`quantile_ranges` is {'quantiles': [...], 'value_ranges': [[low, high], ...]}."
        ) from error
    values = about.values()
    each = [values.quantile(level, "linear") for level, _, _ in pairs]

    def holds(found: object) -> bool:
        return all(
            (low is None or value >= low) and (high is None or value <= high)
            for value, (_, low, high) in zip(found, pairs, strict=True)
        )

    words = ", ".join(f"at {level:g} in [{low}, {high}]" for level, low, high in pairs)
    return ColumnRule(
        value=pl.when(values.count() > 0).then(pl.concat_list(each)),
        holds=holds,
        words=f"quantiles of `{about.name}` lie {words}",
        columns=(about.name,),
    )


@register_expectation("expect_column_most_common_value_to_be_in_set")
def most_common_in_set(
    about: About, *, value_set: Sequence[object], ties_okay: bool = False
) -> ColumnRule:
    """The most frequent value is among those listed; of several, each, or with ``ties_okay`` one."""
    allowed = {about.literal(value, argument="value_set") for value in value_set}

    def holds(found: object) -> bool:
        inside = [value in allowed for value in found]
        return any(inside) if ties_okay else all(inside)

    modes = about.values().drop_nulls().mode()
    return ColumnRule(
        value=pl.when(about.values().count() > 0).then(modes.implode()),
        holds=holds,
        words=f"the most common value of `{about.name}` is one of {shown(value_set)}",
        columns=(about.name,),
    )


def _row_count(words: str, holds: Callable[[object], bool]) -> ColumnRule:
    return ColumnRule(value=pl.len(), holds=holds, words=words, columns=())


@register_expectation("expect_table_row_count_to_be_between")
def row_count_between(
    about: About, *, min_value: int | None = None, max_value: int | None = None
) -> ColumnRule:
    """The table has so many rows."""
    del about
    within = _within(min_value, max_value, strict_min=False, strict_max=False)
    return _row_count(
        f"the table has {min_value or 0} to {max_value or 'any number of'} rows", within
    )


@register_expectation("expect_table_row_count_to_equal")
def row_count_equal(about: About, *, value: int) -> ColumnRule:
    """The table has just so many rows."""
    del about
    return _row_count(f"the table has {value} rows", lambda found: found == value)


@register_expectation("expect_column_to_exist")
def to_exist(about: About) -> TableRule:
    """The column is there."""
    name = about.name
    return TableRule(
        holds=name in about.dtypes,
        words=f"there is a column `{name}`",
        found="there is none",
        columns=(name,),
    )


@register_expectation("expect_table_columns_to_match_set")
def match_set(about: About, *, column_set: Sequence[str], exact_match: bool = True) -> TableRule:
    """The columns are those listed, in any order; not exactly: at least those."""
    missing, extra = set(column_set) - set(about.dtypes), set(about.dtypes) - set(column_set)
    return TableRule(
        holds=not missing and not (exact_match and extra),
        words=f"the columns are {shown(column_set)}{'' if exact_match else ' and more'}",
        found=f"missing {sorted(missing)}, extra {sorted(extra)}",
    )


@register_expectation("expect_table_columns_to_match_ordered_list")
def match_ordered_list(about: About, *, column_list: Sequence[str]) -> TableRule:
    """The columns are those listed, in that order."""
    found = list(about.dtypes)
    return TableRule(
        holds=found == list(column_list),
        words=f"the columns are {shown(column_list)}, in that order",
        found=f"they are {shown(found)}",
    )


@register_expectation("expect_column_values_to_be_of_type")
def of_type(about: About, *, type_: str) -> TableRule:
    """The column is of a type, named as in schemas (``int``) or as in Polars (``Int64``)."""
    return in_type_list(about, type_list=[type_])


@register_expectation("expect_column_values_to_be_in_type_list")
def in_type_list(about: About, *, type_list: Sequence[str]) -> TableRule:
    """The column is of one of some types."""
    dtype = about.dtypes.get(about.name, pl.Null())
    held = column_type(dtype)
    names = {str(dtype).lower(), str(dtype.base_type()).lower(), *([] if held is None else [held])}
    if held is ColumnType.STRING:
        names.add(ColumnType.CATEGORY)
    return TableRule(
        holds=any(name.lower() in names for name in type_list),
        words=f"`{about.name}` is of type {' or '.join(type_list)}",
        found=f"it is {dtype}",
        columns=(about.name,),
    )
