"""Expectations on the values of rows: each is one expression and one test of a single row."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import cast

import polars as pl
from pydantic_core import SchemaError as PydanticSchemaError
from pydantic_core import SchemaValidator, core_schema

from homeostat.core import ColumnType, SchemaError
from homeostat.data._rules import About, RowRule, Values, register_expectation

__all__ = ["bounds", "missing", "shown"]

Bound = int | float | str | None


def _of_value(about: About, ok: pl.Expr, test: Callable[[object], bool], words: str) -> RowRule:
    """Make a rule on one column's value; nulls and NaN do not count."""
    name = about.name
    return RowRule(
        ok=ok,
        test=lambda row: missing(row[name]) or test(row[name]),
        words=f"`{name}` {words}",
        columns=(name,),
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
    ok = values.is_not_null()
    if about.dtypes.get(name, pl.Null()).is_float():
        ok = pl.all_horizontal(*(is_so.not_() for _, is_so, _ in refused)) if refused else ok

    def test(row: Values) -> bool:
        value = row[name]
        return not isinstance(value, float) or not any(is_so(value) for _, _, is_so in refused)

    words = " or ".join(word for word, _, _ in refused)
    return RowRule(
        ok=ok,
        test=test,
        words=f"`{name}` {f'is not {words}' if words else 'may be any number'}",
        columns=(name,),
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
    tests = bounds(about, min_value, max_value, strict_min=strict_min, strict_max=strict_max)
    values = about.values()
    return _of_value(
        about,
        pl.all_horizontal(*(compare(values, bound) for compare, bound, _ in tests)),
        lambda value: all(compare(value, bound) for compare, bound, _ in tests),
        "is " + " and ".join(words for _, _, words in tests),
    )


Comparison = tuple[Callable[[Any, Any], Any], Any, str]


def bounds(
    about: About, low: object, high: object, *, strict_min: bool, strict_max: bool
) -> list[Comparison]:
    """Return the comparisons of a range; raises SchemaError where it is empty or has no end."""
    tests: list[Comparison] = []
    if low is not None:
        bound = about.literal(low, argument="min_value")
        tests.append(
            (operator.gt, bound, f"> {low}") if strict_min else (operator.ge, bound, f">= {low}")
        )
    if high is not None:
        bound = about.literal(high, argument="max_value")
        tests.append(
            (operator.lt, bound, f"< {high}") if strict_max else (operator.le, bound, f"<= {high}")
        )
    if not tests:
        raise SchemaError("a range needs `min_value` or `max_value`.")
    if len(tests) == 2 and tests[0][1] > tests[1][1]:  # type: ignore[operator]
        raise SchemaError(f"`min_value` {low} is above `max_value` {high}.")
    return tests


@register_expectation("expect_column_values_to_be_in_set")
def in_set(about: About, *, value_set: Sequence[object]) -> RowRule:
    """Values are among those listed."""
    allowed = [about.literal(value, argument="value_set") for value in value_set]
    listed = pl.Series(allowed, dtype=about.dtype)
    members = set(allowed)
    return _of_value(
        about,
        about.values().is_in(listed.implode()),
        lambda value: value in members,
        f"is one of {shown(value_set)}",
    )


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
    )


def shown(values: Sequence[object], most: int = 8) -> str:
    """Write the first of some values for a person."""
    parts = [repr(value) for value in values[:most]]
    return ", ".join(parts) + (f", ... ({len(values)} in all)" if len(values) > most else "")


@register_expectation("expect_column_values_to_match_regex")
def match_regex(about: About, *, regex: str) -> RowRule:
    """Text matches a regular expression (Rust's syntax, anywhere in the text)."""
    _text_only(about)
    try:
        matcher = SchemaValidator(core_schema.str_schema(pattern=regex))
        pl.select(pl.lit("").str.contains(regex))
    except (PydanticSchemaError, pl.exceptions.ComputeError) as error:
        raise SchemaError(f"{regex!r} is no regular expression: {error}.") from error
    return _of_value(
        about,
        about.values().str.contains(regex),
        matcher.isinstance_python,
        f"matches {regex!r}",
    )


@register_expectation("expect_column_values_to_not_match_regex")
def not_match_regex(about: About, *, regex: str) -> RowRule:
    """Text does not match a regular expression anywhere."""
    return _negated(match_regex(about, regex=regex), about, f"does not match {regex!r}")


def _text_only(about: About) -> None:
    if about.column is not None and about.column.type not in {
        ColumnType.STRING,
        ColumnType.CATEGORY,
    }:
        raise SchemaError(f"column `{about.name}` is {about.column.type}, not text.")


@register_expectation("expect_column_value_lengths_to_be_between")
def lengths_between(
    about: About, *, min_value: int | None = None, max_value: int | None = None
) -> RowRule:
    """Texts have so many characters (code points)."""
    _text_only(about)
    low, high = min_value or 0, math.inf if max_value is None else max_value
    if min_value is None and max_value is None:
        raise SchemaError("a range needs `min_value` or `max_value`.")
    return _of_value(
        about,
        about.values().str.len_chars().is_between(low, high),
        lambda value: low <= len(cast("str", value)) <= high,
        f"has {low} to {'any number of' if max_value is None else max_value} characters",
    )


@register_expectation("expect_column_value_lengths_to_equal")
def lengths_equal(about: About, *, value: int) -> RowRule:
    """Texts have just so many characters (code points)."""
    return lengths_between(about, min_value=value, max_value=value)
