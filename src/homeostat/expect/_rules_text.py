"""Expectations on text: patterns, and what can be read as a date or as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from importlib import import_module
from operator import and_, or_
from typing import Any

import orjson
import polars as pl

from homeostat.core import MissingExtraError, SchemaError
from homeostat.expect._distinct import decided
from homeostat.expect._rules import About, RowRule, register_expectation
from homeostat.expect._rules_rows import REGEX_COST, missing, regex_test, shown, text_only

__all__: list[str] = []

_PARTS = {
    "%Y": r"\d{4}",
    "%m": r"(?:1[0-2]|0[1-9]|[1-9])",
    "%d": r"(?:3[01]|[12]\d|0[1-9]|[1-9])",
    "%H": r"(?:2[0-3]|[01]\d|\d)",
    "%M": r"(?:[0-5]\d|\d)",
    "%S": r"(?:6[01]|[0-5]\d|\d)",
}
"""Parts of a format that Python and Polars read alike, and what Python lets stand for each."""
_DATE = r"^\d{4}-\d{2}-\d{2}$"


def _text(about: About, ok: pl.Expr, test: Callable[[str], bool], words: str) -> RowRule:
    name = about.name
    return RowRule(
        ok=ok,
        test=lambda row: missing(row[name]) or test(str(row[name])),
        words=f"`{name}` {words}",
        columns=(name,),
        cost=REGEX_COST,
    )


def _patterns(about: About, regexes: Sequence[str], match_on: str) -> tuple[pl.Expr, Any]:
    """Return whether the text matches any or all of some patterns, for a column and for one."""
    text_only(about)
    if match_on not in {"any", "all"} or not regexes:
        raise SchemaError(f"give patterns, and `match_on` as 'any' or 'all', got {match_on!r}.")
    tests = [regex_test(regex) for regex in regexes]
    values = about.values()
    many, each = (any, or_) if match_on == "any" else (all, and_)
    ok = reduce(each, (values.str.contains(regex) for regex in regexes))
    return ok, lambda text: many(test(text) for test in tests)


@register_expectation("expect_column_values_to_match_regex_list")
def match_regex_list(about: About, *, regex_list: Sequence[str], match_on: str = "any") -> RowRule:
    """Text matches one (``match_on="any"``) or all of some regular expressions."""
    ok, test = _patterns(about, regex_list, match_on)
    return _text(about, ok, test, f"matches {match_on} of {shown(regex_list)}")


@register_expectation("expect_column_values_to_not_match_regex_list")
def not_match_regex_list(about: About, *, regex_list: Sequence[str]) -> RowRule:
    """Text matches none of some regular expressions."""
    ok, test = _patterns(about, regex_list, "any")
    return _text(about, ~ok, lambda text: not test(text), f"matches none of {shown(regex_list)}")


def _like(pattern: str) -> str:
    """Turn a pattern of SQL's LIKE (``%`` any text, ``_`` any character) into a regex."""
    signs = {"%": ".*", "_": "."}
    return f"(?s)^{''.join(signs.get(sign) or re.escape(sign) for sign in pattern)}$"


@register_expectation("expect_column_values_to_match_like_pattern")
def match_like(about: About, *, like_pattern: str) -> RowRule:
    """Text is like a pattern of SQL: ``%`` stands for any text, ``_`` for any character."""
    ok, test = _patterns(about, [_like(like_pattern)], "any")
    return _text(about, ok, test, f"is like {like_pattern!r}")


@register_expectation("expect_column_values_to_not_match_like_pattern")
def not_match_like(about: About, *, like_pattern: str) -> RowRule:
    """Text is not like a pattern of SQL."""
    ok, test = _patterns(about, [_like(like_pattern)], "any")
    return _text(about, ~ok, lambda text: not test(text), f"is not like {like_pattern!r}")


@register_expectation("expect_column_values_to_match_like_pattern_list")
def match_like_list(
    about: About, *, like_pattern_list: Sequence[str], match_on: str = "any"
) -> RowRule:
    """Text is like one (``match_on="any"``) or all of some patterns of SQL."""
    ok, test = _patterns(about, [_like(one) for one in like_pattern_list], match_on)
    return _text(about, ok, test, f"is like {match_on} of {shown(like_pattern_list)}")


@register_expectation("expect_column_values_to_not_match_like_pattern_list")
def not_match_like_list(about: About, *, like_pattern_list: Sequence[str]) -> RowRule:
    """Text is like none of some patterns of SQL."""
    ok, test = _patterns(about, [_like(one) for one in like_pattern_list], "any")
    words = f"is like none of {shown(like_pattern_list)}"
    return _text(about, ~ok, lambda text: not test(text), words)


@register_expectation("expect_column_values_to_match_strftime_format")
def match_strftime(about: About, *, strftime_format: str) -> RowRule:
    """Text can be read as a time by a format of Python's ``strptime``.

    Formats of nothing but ``%Y %m %d %H %M %S`` and signs are decided by whole columns, others
    by Python, once for each distinct text.
    """
    text_only(about)
    try:
        datetime.strptime(datetime(2020, 1, 2).strftime(strftime_format), strftime_format)  # noqa: DTZ001, DTZ007 - a round trip of the format, not a time
    except ValueError as error:
        raise SchemaError(f"{strftime_format!r} is no format of times: {error}.") from error

    def test(text: str) -> bool:
        try:
            datetime.strptime(text, strftime_format)  # noqa: DTZ007 - only whether it can be read
        except ValueError:
            return False
        return True

    ok = _readable(about.values(), strftime_format, test)
    return _text(about, ok, test, f"is a time like {strftime_format!r}")


def _readable(values: pl.Expr, form: str, test: Callable[[str], bool]) -> pl.Expr:
    """Say which texts are times of a format: by columns where it is plain, the rest by Python."""
    parts = re.split(r"(%.)", form)
    kinds = parts[1::2]
    clock = set(kinds) & {"%H", "%M", "%S"}
    plain = set(kinds) <= set(_PARTS) and len(set(kinds)) == len(kinds)
    if not plain or not {"%Y", "%m", "%d"} <= set(kinds) or (clock and not {"%H", "%M"} <= clock):
        return decided(values, test)
    shape = "".join(_PARTS.get(part) or _literally(part) for part in parts)
    shaped = values.str.contains(f"(?i)^{shape}$")
    kind = pl.Datetime("us") if clock else pl.Date()
    read = values.str.strptime(kind, form, strict=False).dt.year() >= 1
    doubtful = pl.when(shaped & read.is_null()).then(values)
    fine = read.fill_null(value=False) | decided(doubtful, test).fill_null(value=False)
    return pl.when(values.is_not_null()).then(shaped & fine)


def _literally(part: str) -> str:
    """Write what stands between the parts of a format as a regex: any space stands for spaces."""
    return re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(part))


@register_expectation("expect_column_values_to_be_dateutil_parseable")
def dateutil_parseable(about: About) -> RowRule:
    """Text can be read as a time by python-dateutil, which guesses its form.

    ISO dates are decided by whole columns, others by dateutil, once for each distinct text
    (about 50 us each).
    """
    text_only(about)
    try:
        parser = import_module("dateutil.parser")
    except ModuleNotFoundError:
        raise MissingExtraError("python-dateutil", extra="expect") from None

    def test(text: str) -> bool:
        try:
            parser.parse(text)
        except (ValueError, OverflowError):
            return False
        return True

    values = about.values()
    day = values.str.contains(_DATE) & values.str.to_date("%Y-%m-%d", strict=False).is_not_null()
    rest = decided(pl.when(~day).then(values), test)
    return _text(about, day | rest, test, "can be read as a time")


def _parsed(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


@register_expectation("expect_column_values_to_be_json_parseable")
def json_parseable(about: About) -> RowRule:
    """Text is JSON (RFC 8259, so without NaN), parsed once for each distinct text."""
    text_only(about)
    return _text(about, decided(about.values(), _parsed), _parsed, "is JSON")


@register_expectation("expect_column_values_to_match_json_schema")
def match_json_schema(about: About, *, json_schema: Mapping[str, Any]) -> RowRule:
    """Text is JSON that fits a JSON Schema, checked by jsonschema for each distinct text."""
    text_only(about)
    try:
        validators = import_module("jsonschema.validators")
    except ModuleNotFoundError:
        raise MissingExtraError("jsonschema", extra="expect") from None
    kind = validators.validator_for(json_schema)
    try:
        kind.check_schema(json_schema)
    except import_module("jsonschema.exceptions").SchemaError as error:
        raise SchemaError(f"`json_schema` is no JSON Schema: {error.message}.") from error
    validator = kind(json_schema)

    def test(text: str) -> bool:
        return _parsed(text) and bool(validator.is_valid(orjson.loads(text)))

    return _text(about, decided(about.values(), test), test, "fits its JSON Schema")
