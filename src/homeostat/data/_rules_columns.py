"""Expectations on what is computed over a column, on its names and types, and in free form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from homeostat.core import ColumnType, SchemaError
from homeostat.data._ranges import Range
from homeostat.data._rules import About, ColumnRule, TableRule, register_expectation
from homeostat.data._rules_rows import shown
from homeostat.data._types import column_type

__all__: list[str] = []

Bound = int | float | str | None


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
        low, high = (
            about.literal(value, argument="min_value") if typed and value is not None else value
            for value in (min_value, max_value)
        )
        limits = Range(low=low, high=high, strict_min=strict_min, strict_max=strict_max)
        return ColumnRule(
            value=compute(about.values()),
            holds=limits.holds,
            words=f"the {noun} of `{about.name}` is {limits.words}",
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
def quantiles_between(about: About, *, quantile_ranges: Mapping[str, Sequence[Any]]) -> ColumnRule:
    """Each of some quantiles (linear interpolation) lies in its range.

    Args:
        about: The column.
        quantile_ranges: ``{"quantiles": [.5, .9], "value_ranges": [[0, 10], [None, 60]]}``.
    """
    try:
        pairs = [
            (float(level), Range(low=low, high=high))
            for level, (low, high) in zip(
                quantile_ranges["quantiles"], quantile_ranges["value_ranges"], strict=True
            )
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise SchemaError(
            "`quantile_ranges` is {'quantiles': [...], 'value_ranges': [[low, high], ...]}."
        ) from error
    values = about.values()
    each = [values.quantile(level, "linear") for level, _ in pairs]

    def holds(found: Sequence[float]) -> bool:
        return all(limits.holds(value) for value, (_, limits) in zip(found, pairs, strict=True))

    words = ", ".join(f"at {level:g} {limits.words}" for level, limits in pairs)
    return ColumnRule(
        value=pl.when(values.count() > 0).then(pl.concat_list(each)),
        holds=holds,
        words=f"quantiles of `{about.name}` are {words}",
        columns=(about.name,),
    )


@register_expectation("expect_column_most_common_value_to_be_in_set")
def most_common_in_set(
    about: About, *, value_set: Sequence[object], ties_okay: bool = False
) -> ColumnRule:
    """The most frequent value is listed; of several, each is, or with ``ties_okay`` one."""
    allowed = {about.literal(value, argument="value_set") for value in value_set}

    def holds(found: Sequence[object]) -> bool:
        inside = [value in allowed for value in found]
        return any(inside) if ties_okay else all(inside)

    modes = about.values().drop_nulls().mode()
    return ColumnRule(
        value=pl.when(about.values().count() > 0).then(modes.implode()),
        holds=holds,
        words=f"the most common value of `{about.name}` is one of {shown(value_set)}",
        columns=(about.name,),
    )


@register_expectation("expect_table_row_count_to_be_between")
def row_count_between(
    about: About, *, min_value: int | None = None, max_value: int | None = None
) -> ColumnRule:
    """The table has so many rows."""
    del about
    limits = Range(low=min_value, high=max_value)
    words = f"the number of rows is {limits.words}"
    return ColumnRule(value=pl.len(), holds=limits.holds, words=words, columns=())


@register_expectation("expect_table_row_count_to_equal")
def row_count_equal(about: About, *, value: int) -> ColumnRule:
    """The table has just so many rows."""
    return row_count_between(about, min_value=value, max_value=value)


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
