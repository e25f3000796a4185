"""Expectations that take several rows or several columns to tell."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, cast

import polars as pl

from homeostat.core import ColumnType, SchemaError, suggest
from homeostat.expect._rules import About, RowRule, Values, register_expectation
from homeostat.expect._rules_rows import missing, shown

__all__: list[str] = []

_TEXT = {ColumnType.STRING, ColumnType.CATEGORY}
_PAIR = {
    "either_value_is_missing": "any",
    "both_values_are_missing": "all",
    "never": "",
    "neither": "",
}
_SEVERAL = {"any_value_is_missing": "any", "all_values_are_missing": "all", "never": ""}


def _ignored(columns: Sequence[pl.Expr], ignore_row_if: str, known: dict[str, str]) -> pl.Expr:
    """Say which rows do not count, of those in which values are missing."""
    if ignore_row_if not in known:
        raise SchemaError(
            f"`ignore_row_if` is one of {', '.join(known)}, got {ignore_row_if!r}."
            f"{suggest(ignore_row_if, known)}"
        )
    gone = [values.is_null() for values in columns]
    how = known[ignore_row_if]
    if not how:
        return pl.lit(value=False)
    return pl.any_horizontal(*gone) if how == "any" else pl.all_horizontal(*gone)


def _columns(about: About, column_list: Sequence[str], least: int) -> list[pl.Expr]:
    names = list(dict.fromkeys(column_list))
    if not names:
        raise SchemaError("`column_list` names no column.")
    if len(names) < least:
        raise SchemaError(f"`column_list` must name {least} columns or more, got {names}.")
    return [about.values(name) for name in names]


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
def compound_unique(
    about: About, *, column_list: Sequence[str], ignore_row_if: str = "all_values_are_missing"
) -> RowRule:
    """No combination of values occurs twice; rows of nothing but nulls do not count."""
    columns = _columns(about, column_list, 1)
    return RowRule(
        ok=pl.when(~_ignored(columns, ignore_row_if, _SEVERAL)).then(
            pl.struct(columns).is_unique()
        ),
        test=None,
        words=f"each combination of {', '.join(column_list)} occurs once",
        columns=tuple(column_list),
    )


@register_expectation("expect_select_column_values_to_be_unique_within_record")
def unique_within_record(
    about: About, *, column_list: Sequence[str], ignore_row_if: str = "all_values_are_missing"
) -> RowRule:
    """In each row, the values of some columns differ from each other; two nulls are equal."""
    columns = _columns(about, column_list, 2)
    differ = [first.ne_missing(second) for first, second in combinations(columns, 2)]
    return RowRule(
        ok=pl.when(~_ignored(columns, ignore_row_if, _SEVERAL)).then(pl.all_horizontal(*differ)),
        test=None,
        words=f"the values of {', '.join(column_list)} differ within a row",
        columns=tuple(column_list),
    )


@register_expectation("expect_multicolumn_sum_to_equal")
def sum_to_equal(
    about: About,
    *,
    column_list: Sequence[str],
    sum_total: float,
    ignore_row_if: str = "all_values_are_missing",
    tolerance: float = 1e-9,
) -> RowRule:
    """In each row, some columns add up to a number; a null adds nothing.

    Args:
        about: The table.
        column_list: What is added.
        sum_total: What it adds up to.
        ignore_row_if: Which rows do not count.
        tolerance: How far off a sum may be, relative to a total above 1: sums of floats are
            rarely exact.
    """
    columns = _columns(about, column_list, 1)
    for name in column_list:
        if not about.schema.column(name).is_numeric:
            raise SchemaError(f"column `{name}` is {about.schema.column(name).type}, no number.")
    total = pl.sum_horizontal(*(values.cast(pl.Float64).fill_null(0.0) for values in columns))
    near = (total - sum_total).abs() <= tolerance * max(1.0, abs(sum_total))
    return RowRule(
        ok=pl.when(~_ignored(columns, ignore_row_if, _SEVERAL)).then(near),
        test=None,
        words=f"{' + '.join(f'`{name}`' for name in column_list)} is {sum_total:g}",
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
    about: About,
    names: tuple[str, str],
    compare: Callable[[Any, Any], Any],
    words: str,
    ignore_row_if: str,
) -> RowRule:
    first, second = names

    def test(row: Values) -> bool:
        gone = [missing(row[first]), missing(row[second])]
        if any(gone):
            return (any if _PAIR[ignore_row_if] == "any" else all)(gone)
        return bool(compare(row[first], row[second]))

    a, b = about.schema.column(first), about.schema.column(second)
    if a.type is not b.type and not (a.is_numeric and b.is_numeric) and {a.type, b.type} != _TEXT:
        raise SchemaError(f"`{first}` is {a.type}, `{second}` is {b.type}: they do not compare.")
    columns = [about.values(first), about.values(second)]
    holds = cast("pl.Expr", compare(*columns)).fill_null(value=False)
    ignored = _ignored(columns, ignore_row_if, _PAIR)
    return RowRule(
        ok=pl.when(~ignored).then(holds),
        test=test if _PAIR[ignore_row_if] else None,
        words=f"`{first}` {words} `{second}`",
        columns=(first, second),
    )


@register_expectation("expect_column_pair_values_a_to_be_greater_than_b")
def a_greater_than_b(
    about: About,
    *,
    column_A: str,  # noqa: N803 - the name it has in GX
    column_B: str,  # noqa: N803 - likewise
    or_equal: bool = False,
    ignore_row_if: str = "either_value_is_missing",
) -> RowRule:
    """In each row where both are there, A is above B (or equal to it, if that is allowed)."""
    how: tuple[Callable[[Any, Any], Any], str] = (
        (operator.ge, "is at least") if or_equal else (operator.gt, "is above")
    )
    return _pair(about, (column_A, column_B), *how, ignore_row_if)


@register_expectation("expect_column_pair_values_to_be_equal")
def pair_equal(
    about: About,
    *,
    column_A: str,  # noqa: N803 - the name it has in GX
    column_B: str,  # noqa: N803 - likewise
    ignore_row_if: str = "either_value_is_missing",
) -> RowRule:
    """In each row where both are there, A equals B."""
    return _pair(about, (column_A, column_B), operator.eq, "equals", ignore_row_if)


@register_expectation("expect_column_pair_values_to_be_in_set")
def pair_in_set(
    about: About,
    *,
    column_A: str,  # noqa: N803 - the name it has in GX
    column_B: str,  # noqa: N803 - likewise
    value_pairs_set: Sequence[Sequence[object]],
    ignore_row_if: str = "either_value_is_missing",
) -> RowRule:
    """In each row, the two values are one of some pairs; a null of a pair stands for a null."""
    sides = [About.of(about.schema, name, about.dtypes) for name in (column_A, column_B)]
    try:
        pairs = [
            [None if v is None else s.literal(v, argument="value_pairs_set") for s, v in both]
            for both in (list(zip(sides, pair, strict=True)) for pair in value_pairs_set)
        ]
    except (TypeError, ValueError) as error:
        raise SchemaError("`value_pairs_set` is a list of pairs [a, b].") from error
    columns = [about.values(column_A).cast(sides[0].dtype)]
    columns.append(about.values(column_B).cast(sides[1].dtype))
    fields = [pl.Series(f"{n}", [pair[n] for pair in pairs], sides[n].dtype) for n in (0, 1)]
    known = pl.DataFrame(fields).to_struct("pairs")
    both = pl.struct(columns[0].alias("0"), columns[1].alias("1"))
    return RowRule(
        ok=pl.when(~_ignored(columns, ignore_row_if, _PAIR)).then(both.is_in(known.implode())),
        test=None,
        words=f"(`{column_A}`, `{column_B}`) is one of {shown(value_pairs_set)}",
        columns=(column_A, column_B),
    )
