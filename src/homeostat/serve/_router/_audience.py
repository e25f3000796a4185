"""Audiences: conditions on who asks, as data, compiled to closures that take a microsecond.

The language is that of `homeostat.core.parse_expression`: nothing of the text is run. A field that
a request lacks, or of another kind than it is compared with, makes a comparison unknown, and a
condition that is unknown does not hold.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from homeostat.core import Expression, InputError, parse_expression
from homeostat.serve._router._functions import FUNCTIONS, SIMPLE, Context, Get, is_alike

__all__ = ["Condition", "compile_condition"]

Condition = Callable[[Context], bool]
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TRUTHS = {"name", "and", "or", "not", "in", "is null", "matches", "contains", "starts", "ends"}


def compile_condition(text: str) -> Condition:
    """Compile a condition on a request's context.

    Args:
        text: Such as ``"country in ['VN', 'TH'] and not beta"``.

    Returns:
        A function of the context (names and values) that says whether the condition holds.

    Raises:
        InputError: If the text is no expression, or one that gives no yes or no.

    Example:
        >>> asia = compile_condition("country in ['VN', 'TH'] and age >= 18")
        >>> asia({"country": "VN", "age": 20}), asia({"country": "VN"}), asia({})
        (True, False, False)
    """
    node = parse_expression(text)
    if not _is_condition(node):
        raise InputError(
            f"An audience is a condition such as \"country in ['VN']\", got {text!r}, which is "
            "no yes or no."
        )
    found = _compiled(node)
    return lambda context: found(context) is True


def _is_condition(node: Expression) -> bool:
    if node.op == "value":
        return isinstance(node.value, bool)
    if node.op in {"if", "coalesce"}:
        return all(_is_condition(part) for part in node.args[node.op == "if" :])
    return node.op in _TRUTHS or node.op in _COMPARE


def _compiled(node: Expression) -> Get:
    if node.op in _COMPARE:
        return _comparison(node)
    if node.op in FUNCTIONS:
        return FUNCTIONS[node.op](*map(_compiled, node.args))
    return _MAKERS[node.op](node)


def _value(node: Expression) -> Get:
    value = node.value
    return lambda _: value


def _name(node: Expression) -> Get:
    """Return a field by its name, or, where that has dots, within the objects it names."""
    name = str(node.value)
    path = name.split(".")

    def get(context: Context) -> Any:  # noqa: ANN401 - what a client sent
        found = context.get(name)
        return found if found == found else None  # noqa: PLR0124 - NaN is no value

    def reach(context: Context) -> Any:  # noqa: ANN401 - what a client sent
        found = get(context)
        if found is None:
            found = context
            for part in path:
                found = found.get(part) if isinstance(found, Mapping) else None
        return found if found == found else None  # noqa: PLR0124 - NaN is no value

    return reach if len(path) > 1 else get


def _all(node: Expression) -> Get:
    left, right = map(_compiled, node.args)

    def both(context: Context) -> bool | None:
        first = left(context)
        if first is False:
            return False
        second = right(context)
        if second is False:
            return False
        return True if first is True and second is True else None

    return both


def _any(node: Expression) -> Get:
    left, right = map(_compiled, node.args)

    def either(context: Context) -> bool | None:
        first = left(context)
        if first is True:
            return True
        second = right(context)
        if second is True:
            return True
        return False if first is False and second is False else None

    return either


def _not(node: Expression) -> Get:
    (inner,) = map(_compiled, node.args)

    def opposite(context: Context) -> bool | None:
        found = inner(context)
        return not found if isinstance(found, bool) else None

    return opposite


def _is_null(node: Expression) -> Get:
    (inner,) = map(_compiled, node.args)
    return lambda context: inner(context) is None


def _comparison(node: Expression) -> Get:
    left, right = map(_compiled, node.args)
    compare = _COMPARE[node.op]

    def compared(context: Context) -> bool | None:
        a, b = left(context), right(context)
        return compare(a, b) if is_alike(a, b) else None

    return compared


def _in(node: Expression) -> Get:
    item, holder = node.args
    get = _compiled(item)
    if holder.op == "list" and all(part.op == "value" for part in holder.args):
        return _listed(get, [part.value for part in holder.args])
    inside = _compiled(holder)

    def within(context: Context) -> bool | None:
        value, among = get(context), inside(context)
        if isinstance(among, str):
            return value in among if isinstance(value, str) else None
        if value is None or not isinstance(among, (list, tuple)):
            return None
        return any(is_alike(value, one) and value == one for one in among)

    return within


def _listed(get: Get, held: list[object]) -> Get:
    """Return whether a value is one of a few; True is not 1, though Python has them equal."""
    truths = frozenset(one for one in held if isinstance(one, bool))
    others = frozenset(one for one in held if not isinstance(one, bool))

    def listed(context: Context) -> bool | None:
        value = get(context)
        if value is None:
            return None
        kind = value.__class__
        return value in (truths if kind is bool else others) if kind in SIMPLE else False

    return listed


def _list(node: Expression) -> Get:
    items = [_compiled(part) for part in node.args]
    return lambda context: [item(context) for item in items]


def _matches(node: Expression) -> Get:
    text, pattern = node.args
    if not isinstance(pattern.value, str) or pattern.op != "value":
        raise InputError(f"`matches` takes a pattern in quotes, got `{pattern}`.")
    try:
        compiled = re.compile(pattern.value)
    except re.error as error:
        raise InputError(f"The pattern {pattern.value!r} is none: {error}.") from error
    get = _compiled(text)

    def matched(context: Context) -> bool | None:
        value = get(context)
        return compiled.search(value) is not None if isinstance(value, str) else None

    return matched


_MAKERS: dict[str, Callable[[Expression], Get]] = {
    "value": _value,
    "name": _name,
    "list": _list,
    "and": _all,
    "or": _any,
    "not": _not,
    "is null": _is_null,
    "in": _in,
    "matches": _matches,
}
