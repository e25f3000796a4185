"""Expectations on the columns that there are, their types and number, and on other tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from homeostat.core import SchemaError, suggest
from homeostat.expect._ranges import Range
from homeostat.expect._rules import (
    About,
    ColumnRule,
    Rule,
    TableRule,
    read_expression,
    register_expectation,
)
from homeostat.expect._rules_columns import bounds, row_count_between
from homeostat.expect._rules_expression import expression
from homeostat.expect._rules_rows import shown
from homeostat.expect._type_names import is_called

__all__: list[str] = []

_ROWS = re.compile(
    r"\s*select\s+\*\s+from\s+\{batch\}\s+where\s+(?P<where>.+?);?\s*", re.IGNORECASE | re.DOTALL
)
_MORE = re.compile(r"\b(select|group\s+by|order\s+by|limit|having|join|union)\b", re.IGNORECASE)


@register_expectation("expect_column_to_exist")
def to_exist(about: About, *, column_index: int | None = None) -> TableRule:
    """The column is there, and in its place (from 0) where one is given."""
    name = about.name
    there = name in about.dtypes
    at = list(about.dtypes).index(name) if there else None
    place = "" if column_index is None else f" in place {column_index}"
    return TableRule(
        holds=there and column_index in {None, at},
        words=f"there is a column `{name}`{place}",
        found=f"it is in place {at}" if there else "there is none",
        columns=(name,),
    )


@register_expectation("expect_table_column_count_to_be_between")
def column_count_between(
    about: About, *, min_value: int | None = None, max_value: int | None = None
) -> TableRule:
    """The table has so many columns."""
    limits = bounds(_whole(min_value), _whole(max_value), strict_min=False, strict_max=False)
    count = len(about.dtypes)
    return TableRule(
        holds=limits.holds(count),
        words=f"the number of columns is {limits.words}",
        found=f"it is {count}",
    )


def _whole(value: int | None) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise SchemaError(f"A number of columns is a whole number, got {value!r}.")


@register_expectation("expect_table_column_count_to_equal")
def column_count_equal(about: About, *, value: int) -> TableRule:
    """The table has just so many columns."""
    return column_count_between(about, min_value=value, max_value=value)


@register_expectation("expect_table_row_count_to_equal")
def row_count_equal(about: About, *, value: int) -> ColumnRule:
    """The table has just so many rows."""
    return row_count_between(about, min_value=value, max_value=value)


@register_expectation("expect_table_row_count_to_equal_other_table")
def row_count_equal_other(about: About, *, other_table_name: str) -> ColumnRule:
    """The table has as many rows as another, which is passed to `check` as ``tables=``."""
    if other_table_name not in about.tables:
        raise SchemaError(
            f"there is no table `{other_table_name}`: pass it as `tables={{name: frame}}`."
            f"{suggest(other_table_name, about.tables)}"
        )
    count = about.tables[other_table_name]
    limits = Range(low=count, high=count)
    return ColumnRule(
        value=pl.len(),
        holds=limits.holds,
        words=f"the number of rows is that of `{other_table_name}`, {count:,}",
        columns=(),
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
    """The column is of a type, by the name that schemas, Polars, pandas, SQL or Spark have for it.

    Widths count where the name has one (``Int32``, ``float64``), not else (``int``, ``INTEGER``).
    """
    return in_type_list(about, type_list=[type_])


@register_expectation("expect_column_values_to_be_in_type_list")
def in_type_list(about: About, *, type_list: Sequence[str]) -> TableRule:
    """The column is of one of some types."""
    dtype = about.dtypes.get(about.name, pl.Null())
    return TableRule(
        holds=any(is_called(dtype, name) for name in type_list),
        words=f"`{about.name}` is of type {' or '.join(type_list)}",
        found=f"it is {dtype}",
        columns=(about.name,),
    )


@register_expectation("unexpected_rows_expectation")
def unexpected_rows(about: About, *, unexpected_rows_query: str, description: str = "") -> Rule:
    """No row meets the condition of a query ``SELECT * FROM {batch} WHERE ...``.

    Only this form is read, so that it runs with all else in one query; of others, write the
    condition as ``expect_expression``.
    """
    found = _ROWS.fullmatch(unexpected_rows_query)
    if found is None or _MORE.search(found["where"]):
        raise SchemaError(
            "`unexpected_rows_query` must be `SELECT * FROM {batch} WHERE ...` without groups, "  # noqa: S608 - words
            f"orders, limits or inner queries, got {unexpected_rows_query!r}."
        )
    bad = read_expression(found["where"], json=False)
    ok = bad.is_not_null() & bad
    words = description or f"no row has {found['where']}"
    return expression(about, expr=ok.not_().meta.serialize(format="json"), words=words)
