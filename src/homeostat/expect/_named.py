"""Each expectation as a function of its own name, which writes it down."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl
from pydantic import BaseModel

from homeostat.core import Expectation, Json, SchemaError
from homeostat.expect._models import name_of_model
from homeostat.expect._rules import CONDITION, arguments_of, builder_of, fitting

__all__ = ["accepted", "complete", "named", "takes_column"]

_OWN = ("mostly", "severity")


def takes_column(name: str) -> bool:
    """Say whether an expectation is about one column, by its name."""
    return name.startswith("expect_column_") and not name.startswith("expect_column_pair_")


def named(name: str) -> Callable[..., Expectation]:
    """Return the function of an expectation's name, which makes that expectation.

    It takes the column first, where there is one, then the expectation's own arguments, and
    ``mostly``, ``severity`` and ``row_condition``.

    Raises:
        SchemaError: If there is no such expectation.

    Example:
        >>> named("expect_column_values_to_be_between")("late", min_value=0, mostly=0.9).arguments
        {'min_value': 0}
    """
    builder = builder_of(name)
    own = list(arguments_of(name).values())
    places = (["column"] if takes_column(name) else []) + [one.name for one in own]

    def make(*values: Any, **arguments: Any) -> Expectation:  # noqa: ANN401 - the expectation's
        if len(values) > len(places):
            raise SchemaError(f"`{name}` takes {len(places)} arguments, got {len(values)}.")
        given = dict(zip(places, values, strict=False))
        if twice := sorted(given.keys() & arguments):
            raise SchemaError(f"`{name}` got `{twice[0]}` twice.")
        return complete(name, {**given, **arguments})

    make.__name__ = make.__qualname__ = name
    make.__doc__ = builder.__doc__
    kind = inspect.Parameter.KEYWORD_ONLY
    column = inspect.Parameter("column", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="str")
    more = [
        inspect.Parameter("mostly", kind, default=1.0, annotation="float"),
        inspect.Parameter("severity", kind, default="fail", annotation="str"),
        inspect.Parameter(CONDITION, kind, default=None, annotation="str | pl.Expr | None"),
    ]
    parameters = [*([column] if takes_column(name) else []), *own, *more]
    make.__signature__ = inspect.Signature(parameters, return_annotation="Expectation")  # type: ignore[attr-defined]
    return make


def complete(name: str, arguments: Mapping[str, Any]) -> Expectation:
    """Make an expectation from all its arguments, column and ``mostly`` among them.

    Raises:
        SchemaError: If there is no such expectation, or its arguments do not fit or have no
            JSON form.
    """
    rest = dict(arguments)
    column = rest.pop("column", None)
    own = {key: rest.pop(key) for key in _OWN if key in rest}
    if name == "expect_expression" and isinstance(rest.get("sql"), pl.Expr):
        rest["expr"] = rest.pop("sql")
    if rest.get(CONDITION, "") is None:
        del rest[CONDITION]
    return accepted(Expectation(name, column, rest, **own))


def accepted(expectation: Expectation) -> Expectation:
    """Return an expectation with its arguments as JSON has them.

    Raises:
        SchemaError: If there is no such expectation, it lacks its column, or its arguments do not
            fit.
    """
    name, column = expectation.name, expectation.column
    fitting(name, expectation.arguments)
    if takes_column(name) and not isinstance(column, str):
        raise SchemaError(f"`{name}` is about a column: name it, got {column!r}.")
    given = expectation.arguments.items()
    return replace(expectation, arguments={key: _plain(name, key, one) for key, one in given})


def _plain(  # noqa: PLR0911 - one return a kind of value
    name: str,
    key: str,
    value: Any,  # noqa: ANN401 - whatever a caller has
) -> Json:
    """Return an argument as JSON: times as ISO text, expressions and models by name."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date():
            return value.isoformat()
        case pl.Expr():
            return value.meta.serialize(format="json")
        case Mapping():
            return {str(one): _plain(name, key, inner) for one, inner in value.items()}
        case type() if issubclass(value, BaseModel):
            return name_of_model(value)
        case list() | tuple() | pl.Series():
            return [_plain(name, key, inner) for inner in value]
        case set() | frozenset():
            return [_plain(name, key, inner) for inner in sorted(value)]
    listed = getattr(value, "tolist", None)
    if listed is not None:
        return _plain(name, key, listed())
    raise SchemaError(
        f"`{key}` of `{name}` must be numbers, text, times, lists, an expression of Polars or a "
        f"pydantic model, got {type(value).__name__}."
    )
