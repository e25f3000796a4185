"""Checks of pandera as expectations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from homeostat.core import SchemaError

__all__ = ["CHECKS", "of_check"]

Args = Mapping[str, Any]
Read = Callable[[Args], tuple[str, dict[str, Any]]]
_VALUES = "expect_column_values_to_"


def _between(low: str | None, high: str | None, *, strict: bool) -> Read:
    def read(given: Args) -> tuple[str, dict[str, Any]]:
        ends: dict[str, Any] = {}
        if low is not None:
            ends |= {"min_value": given[low]} | ({"strict_min": True} if strict else {})
        if high is not None:
            ends |= {"max_value": given[high]} | ({"strict_max": True} if strict else {})
        return f"{_VALUES}be_between", ends

    return read


def _in_range(given: Args) -> tuple[str, dict[str, Any]]:
    ends = {"min_value": given["min_value"], "max_value": given["max_value"]}
    for side in ("min", "max"):
        if not given.get(f"include_{side}", True):
            ends[f"strict_{side}"] = True
    return f"{_VALUES}be_between", ends


def _length(given: Args) -> tuple[str, dict[str, Any]]:
    if given.get("exact_value") is not None:
        return "expect_column_value_lengths_to_equal", {"value": given["exact_value"]}
    ends = {name: given.get(name) for name in ("min_value", "max_value")}
    kept = {name: end for name, end in ends.items() if end is not None}
    return "expect_column_value_lengths_to_be_between", kept


def _regex(key: str, before: str, after: str, *, literal: bool) -> Read:
    def read(given: Args) -> tuple[str, dict[str, Any]]:
        text = str(getattr(given[key], "pattern", given[key]))
        return f"{_VALUES}match_regex", {
            "regex": f"{before}{re.escape(text) if literal else text}{after}"
        }

    return read


def _set(name: str, key: str) -> Read:
    return lambda given: (name, {"value_set": list(given[key])})


CHECKS: dict[str, tuple[str, Read]] = {
    "greater_than": ("min_value", _between("min_value", None, strict=True)),
    "greater_than_or_equal_to": ("min_value", _between("min_value", None, strict=False)),
    "less_than": ("max_value", _between(None, "max_value", strict=True)),
    "less_than_or_equal_to": ("max_value", _between(None, "max_value", strict=False)),
    "in_range": ("", _in_range),
    "equal_to": ("value", lambda given: (f"{_VALUES}be_in_set", {"value_set": [given["value"]]})),
    "not_equal_to": (
        "value",
        lambda given: (f"{_VALUES}not_be_in_set", {"value_set": [given["value"]]}),
    ),
    "isin": ("allowed_values", _set(f"{_VALUES}be_in_set", "allowed_values")),
    "notin": ("forbidden_values", _set(f"{_VALUES}not_be_in_set", "forbidden_values")),
    "str_matches": ("pattern", _regex("pattern", "^(?:", ")", literal=False)),
    "str_contains": ("pattern", _regex("pattern", "", "", literal=False)),
    "str_startswith": ("string", _regex("string", "^", "", literal=True)),
    "str_endswith": ("string", _regex("string", "", "$", literal=True)),
    "str_length": ("", _length),
    "unique_values_eq": ("values", _set("expect_column_distinct_values_to_equal_set", "values")),
}
"""By pandera's name: the name of its one argument, where it has one, and how it is read."""


def of_check(name: str, given: Args) -> tuple[str, dict[str, Any]]:
    """Return the expectation of a check, and its arguments.

    Raises:
        SchemaError: If it is a function of the user's, or one that there is not here.
    """
    if name not in CHECKS:
        raise SchemaError(
            f"its check `{name}` is a function: write it as an expectation, as `expect_expression` "
            "or as a validator of a pydantic model"
        )
    try:
        return CHECKS[name][1](given)
    except (KeyError, TypeError) as error:
        raise SchemaError(f"its check `{name}` lacks {error}") from error
