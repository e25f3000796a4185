"""Expectations that take several rows or several columns to tell."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, cast

import polars as pl

from homeostat.core import SchemaError
from homeostat.data._rules import About, RowRule, Values, register_expectation
from homeostat.data._rules_rows import missing

__all__: list[str] = []


@register_expectation("expect_column_values_to_be_unique")
def unique(about: About) -> RowRule:
    """No value occurs twice; each row of a repeated value fails."""
    values = about.values()
    return RowRule(
        ok=pl.when(values.is_not_null()).then(values.is_unique()),
        test=None,
        words=f"each value of `{about.name}` occurs once",
        columns=(about.name,),
        quick=(values.count(), values.count() - values.drop_nulls().n_unique()),
    )


@register_expectation("expect_compound_columns_to_be_unique")
def compound_unique(about: About, *, column_list: Sequence[str]) -> RowRule:
    """No combination of values occurs twice; rows of nothing but nulls do not count."""
    columns = [about.values(name) for name in column_list]
    if not columns:
        raise SchemaError("`column_list` names no column.")
    some = pl.any_horizontal(*(values.is_not_null() for values in columns))
    return RowRule(
        ok=pl.when(some).then(pl.struct(columns).is_unique()),
        test=None,
        words=f"each combination of {', '.join(column_list)} occurs once",
        columns=tuple(column_list),
    )


_COMPARE = {
    (True, False): operator.ge,
    (True, True): operator.gt,
    (False, False): operator.le,
    (False, True): operator.lt,
}


def _monotone(about: About, *, strictly: bool, up: bool) -> RowRule:
    values = about.values()
    before = values.forward_fill().shift()
    compare = _COMPARE[up, strictly]
    verb = "increases" if up else "decreases"
    return RowRule(
        ok=pl.when(values.is_not_null()).then(compare(values, before).fill_null(value=True)),
        test=None,
        words=f"`{about.name}` {verb}{'' if strictly else ' or stays'} row by row",
        columns=(about.name,),
    )


@register_expectation("expect_column_values_to_be_increasing")
def increasing(about: About, *, strictly: bool = False) -> RowRule:
    """Each value is at least (strictly: above) the last one before it that is not null."""
    return _monotone(about, strictly=strictly, up=True)


@register_expectation("expect_column_values_to_be_decreasing")
def decreasing(about: About, *, strictly: bool = False) -> RowRule:
    """Each value is at most (strictly: below) the last one before it that is not null."""
    return _monotone(about, strictly=strictly, up=False)


def _pair(
    about: About, first: str, second: str, compare: Callable[[Any, Any], Any], words: str
) -> RowRule:
    def test(row: Values) -> bool:
        a, b = row[first], row[second]
        return missing(a) or missing(b) or bool(compare(a, b))

    a, b = about.schema.column(first), about.schema.column(second)
    if a.type is not b.type and not (a.is_numeric and b.is_numeric):
        raise SchemaError(f"`{first}` is {a.type}, `{second}` is {b.type}: they do not compare.")
    ok = cast("pl.Expr", compare(about.values(first), about.values(second)))
    return RowRule(ok=ok, test=test, words=f"`{first}` {words} `{second}`", columns=(first, second))


@register_expectation("expect_column_pair_values_a_to_be_greater_than_b")
def a_greater_than_b(
    about: About,
    *,
    column_A: str,  # noqa: N803 - the name it has in GX
    column_B: str,  # noqa: N803 - likewise
    or_equal: bool = False,
) -> RowRule:
    """In each row where both are there, A is above B (or equal to it, if that is allowed)."""
    if or_equal:
        return _pair(about, column_A, column_B, operator.ge, "is at least")
    return _pair(about, column_A, column_B, operator.gt, "is above")


@register_expectation("expect_column_pair_values_to_be_equal")
def pair_equal(
    about: About,
    *,
    column_A: str,  # noqa: N803 - the name it has in GX
    column_B: str,  # noqa: N803 - likewise
) -> RowRule:
    """In each row where both are there, A equals B."""
    return _pair(about, column_A, column_B, operator.eq, "equals")
