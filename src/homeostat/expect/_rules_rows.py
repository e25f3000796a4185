"""Expectations on the values of rows: each is one expression and one test of a single row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import polars as pl
from pydantic_core import SchemaError as PydanticSchemaError
from pydantic_core import SchemaValidator, core_schema

from homeostat.core import ColumnType, SchemaError
from homeostat.expect._ranges import Range
from homeostat.expect._rules import About, RowRule, Values, register_expectation

__all__ = ["REGEX_COST", "missing", "regex_test", "shown", "text_only"]

Bound = int | float | str | None

_FEW = 8
REGEX_COST, _LENGTH_COST = 10, 2


def _of_value(
    about: About,
    ok: pl.Expr,
    test: Callable[[object], bool],
    words: str,
    native: Mapping[str, Any] | None = None,
    cost: int = 0,
) -> RowRule:
    """Make a rule on one column's value; nulls and NaN do not count."""
    name = about.name
    return RowRule(
        ok=ok,
        test=lambda row: missing(row[name]) or test(row[name]),
        words=f"`{name}` {words}",
        columns=(name,),
        native=native,
        cost=cost,
    )


def missing(value: object) -> bool:
    """Say whether a value is null or NaN, so that rules on values do not count it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


@register_expectation("expect_column_values_to_not_be_null")
def not_null(about: About) -> RowRule:
    """Every value is there."""
    name = about.name
    return RowRule(
        ok=pl.col(name).is_not_null(),
        test=lambda row: row[name] is not None,
        words=f"`{name}` is not null",
        columns=(name,),
    )


@register_expectation("expect_column_values_to_be_null")
def null(about: About) -> RowRule:
    """No value is there."""
    name = about.name
    return RowRule(
        ok=pl.col(name).is_null(),
        test=lambda row: row[name] is None,
        words=f"`{name}` is null",
        columns=(name,),
    )


@register_expectation("expect_column_values_to_be_finite")
def finite(about: About, *, allow_nan: bool = False, allow_inf: bool = False) -> RowRule:
    """Numbers are neither NaN nor infinite; this holds of each float column unless said otherwise.

    Args:
        about: The column.
        allow_nan: Whether NaN may stand for a missing number.
        allow_inf: Whether infinities may be there.
    """
    name, values = about.name, pl.col(about.name)
    refused = [] if allow_nan else [("NaN", values.is_nan(), math.isnan)]
    refused += [] if allow_inf else [("infinite", values.is_infinite(), math.isinf)]
    ok: pl.Expr = pl.when(values.is_not_null()).then(statement=True)
    if about.dtypes.get(name, pl.Null()).is_float() and refused:
        ok = values.is_finite() if len(refused) > 1 else refused[0][1].not_()

    def test(row: Values) -> bool:
        value = row[name]
        return not isinstance(value, float) or not any(is_so(value) for _, _, is_so in refused)

    words = " or ".join(word for word, _, _ in refused)
    return RowRule(
        ok=ok,
        test=test,
        words=f"`{name}` {f'is not {words}' if words else 'may be any number'}",
        columns=(name,),
        native=None if allow_nan or allow_inf else {"allow_inf_nan": False},
    )


@register_expectation("expect_column_values_to_be_between")
def between(
    about: About,
    *,
    min_value: Bound = None,
    max_value: Bound = None,
    strict_min: bool = False,
    strict_max: bool = False,
) -> RowRule:
    """Values lie in a range; times are given as ISO text."""
    limits = Range(
        low=None if min_value is None else about.literal(min_value, argument="min_value"),
        high=None if max_value is None else about.literal(max_value, argument="max_value"),
        strict_min=strict_min,
        strict_max=strict_max,
    )
    if about.kind is ColumnType.INT:
        limits = limits.of_whole()
    number = about.kind in {ColumnType.INT, ColumnType.FLOAT}
    return _of_value(
        about,
        limits.contains(about.values()),
        limits.holds,
        f"is {limits.words}",
        limits.native if number else None,
    )


@register_expectation("expect_column_values_to_be_in_set")
def in_set(about: About, *, value_set: Sequence[object]) -> RowRule:
    """Values are among those listed."""
    members = dict.fromkeys(
        about.literal(value, argument="value_set") for value in value_set if value is not None
    )
    if about.kind is ColumnType.INT and any(isinstance(one, float) for one in members):
        raise SchemaError("`value_set` must hold whole numbers, as the column does.")
    return _of_value(
        about,
        _is_in(about.values().cast(about.dtype), list(members), about.dtype),
        lambda value: value in members,
        f"is one of {shown(value_set)}",
        {"literal": tuple(members)} if about.dtype == pl.String() and members else None,
        min(len(members), _FEW) if about.dtype == pl.String() else 0,
    )


def _is_in(values: pl.Expr, members: list[object], dtype: pl.DataType) -> pl.Expr:
    """Say which values are members: a few are compared one by one, which is thrice as quick."""
    if 0 < len(members) <= _FEW:
        return pl.any_horizontal(*(values == pl.lit(one, dtype) for one in members))
    return values.is_in(pl.Series(members, dtype=dtype).implode())


@register_expectation("expect_column_values_to_not_be_in_set")
def not_in_set(about: About, *, value_set: Sequence[object]) -> RowRule:
    """Values are none of those listed."""
    rule = in_set(about, value_set=value_set)
    return _negated(rule, about, f"is none of {shown(value_set)}")


def _negated(rule: RowRule, about: About, words: str) -> RowRule:
    test = cast("Callable[[Values], bool]", rule.test)
    name = about.name
    return RowRule(
        ok=rule.ok.not_(),
        test=lambda row: missing(row[name]) or not test(row),
        words=f"`{name}` {words}",
        columns=rule.columns,
        cost=rule.cost,
    )


def shown(values: Sequence[object], most: int = 8) -> str:
    """Write the first of some values for a person."""
    parts = [repr(value) for value in values[:most]]
    return ", ".join(parts) + (f", ... ({len(values)} in all)" if len(values) > most else "")


@register_expectation("expect_column_values_to_match_regex")
def match_regex(about: About, *, regex: str) -> RowRule:
    """Text matches a regular expression (Rust's syntax, anywhere in the text)."""
    text_only(about)
    return _of_value(
        about,
        about.values().str.contains(regex),
        regex_test(regex),
        f"matches {regex!r}",
        {"pattern": regex},
        REGEX_COST,
    )


@register_expectation("expect_column_values_to_not_match_regex")
def not_match_regex(about: About, *, regex: str) -> RowRule:
    """Text does not match a regular expression anywhere."""
    return _negated(match_regex(about, regex=regex), about, f"does not match {regex!r}")


def regex_test(regex: str) -> Callable[[object], bool]:
    """Return whether one text matches a regular expression, in the syntax that Polars has.

    Raises:
        SchemaError: If it is none.
    """
    try:
        matcher = SchemaValidator(core_schema.str_schema(pattern=regex))
        pl.select(pl.lit("").str.contains(regex))
    except (PydanticSchemaError, pl.exceptions.ComputeError) as error:
        raise SchemaError(f"{regex!r} is no regular expression: {error}.") from error
    return matcher.isinstance_python


def text_only(about: About) -> None:
    """Refuse a column that is not text.

    Raises:
        SchemaError: If it is none.
    """
    held = about.dtypes.get(about.name, pl.String())
    text = isinstance(held, (pl.String, pl.Categorical, pl.Enum, pl.Null))
    if about.kind not in {ColumnType.STRING, ColumnType.CATEGORY}:
        raise SchemaError(f"column `{about.name}` is {about.kind}, not text.")
    if not text:
        raise SchemaError(f"column `{about.name}` is {held}, not text.")


@register_expectation("expect_column_value_lengths_to_be_between")
def lengths_between(
    about: About,
    *,
    min_value: int | None = None,
    max_value: int | None = None,
    strict_min: bool = False,
    strict_max: bool = False,
) -> RowRule:
    """Texts have so many characters (code points)."""
    text_only(about)
    for value in (min_value, max_value):
        if value is not None and not isinstance(value, (int, float)):
            raise SchemaError(f"A length is a number, got {value!r}.")
    limits = Range(low=min_value, high=max_value, strict_min=strict_min, strict_max=strict_max)
    ends = {"min_length": min_value, "max_length": max_value}
    if strict_min or strict_max:
        ends = {}
    return _of_value(
        about,
        limits.contains(about.values().str.len_chars()),
        lambda value: limits.holds(len(cast("str", value))),
        f"has a length {limits.words}",
        {name: end for name, end in ends.items() if end is not None},
        _LENGTH_COST,
    )


@register_expectation("expect_column_value_lengths_to_equal")
def lengths_equal(about: About, *, value: int) -> RowRule:
    """Texts have just so many characters (code points)."""
    return lengths_between(about, min_value=value, max_value=value)
