"""Functions of conditions: from what their arguments give to what they give; None is unknown."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["FUNCTIONS", "SIMPLE", "Context", "Get", "is_alike"]

Context = Mapping[str, Any]
Get = Callable[[Context], Any]
SIMPLE = (str, int, float, bool)  # what JSON has besides objects, lists and null
_NUMERIC: dict[str, Callable[..., float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "negative": operator.neg,
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "sqrt": math.sqrt,
    "round": round,
}
_TEXTUAL: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "starts": str.startswith,
    "ends": str.endswith,
}


def is_alike(a: object, b: object) -> bool:
    """Return whether two values are of a kind that can be compared."""
    kind = a.__class__
    if kind is b.__class__:
        return kind in SIMPLE
    return _is_number(a) and _is_number(b)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(reckon: Callable[..., float]) -> Callable[..., Get]:
    def make(*parts: Get) -> Get:
        def reckoned(context: Context) -> float | None:
            values = [part(context) for part in parts]
            if not all(map(_is_number, values)):
                return None
            try:
                found = reckon(*values)
            except (ArithmeticError, ValueError, TypeError):
                return None
            return found if isinstance(found, int) or math.isfinite(found) else None

        return reckoned

    return make


def _textual(test: Callable[[str, str], bool]) -> Callable[..., Get]:
    def make(left: Get, right: Get) -> Get:
        def tested(context: Context) -> bool | None:
            text, part = left(context), right(context)
            return test(text, part) if isinstance(text, str) and isinstance(part, str) else None

        return tested

    return make


def _of_text(change: Callable[[str], str]) -> Callable[..., Get]:
    def make(inner: Get) -> Get:
        def changed(context: Context) -> str | None:
            value = inner(context)
            return change(value) if isinstance(value, str) else None

        return changed

    return make


def _length(inner: Get) -> Get:
    def length(context: Context) -> int | None:
        value = inner(context)
        return len(value) if isinstance(value, (str, list, tuple)) else None

    return length


def _as_text(inner: Get) -> Get:
    def text(context: Context) -> str | None:
        value = inner(context)
        return str(value).lower() if isinstance(value, bool) else _converted(value, str)

    return text


def _as_number(inner: Get) -> Get:
    return lambda context: _converted(inner(context), float)


def _converted(value: object, kind: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - of that kind
    try:
        found = kind(value) if isinstance(value, SIMPLE) else None
    except (ValueError, OverflowError):
        return None
    return found if found == found else None  # noqa: PLR0124 - NaN is no value


def _if(test: Get, yes: Get, no: Get) -> Get:
    return lambda context: yes(context) if test(context) is True else no(context)


def _coalesce(*parts: Get) -> Get:
    def first(context: Context) -> Any:  # noqa: ANN401 - the first that is there
        return next((found for part in parts if (found := part(context)) is not None), None)

    return first


def _extreme(choose: Callable[[list[Any]], Any]) -> Callable[..., Get]:
    def make(*parts: Get) -> Get:
        def chosen(context: Context) -> Any:  # noqa: ANN401 - one of them
            values = [found for part in parts if (found := part(context)) is not None]
            alike = all(is_alike(values[0], value) for value in values)
            return choose(values) if values and alike else None

        return chosen

    return make


FUNCTIONS: dict[str, Callable[..., Get]] = {
    **{name: _number(reckon) for name, reckon in _NUMERIC.items()},
    **{name: _textual(test) for name, test in _TEXTUAL.items()},
    "lower": _of_text(str.lower),
    "upper": _of_text(str.upper),
    "len": _length,
    "text": _as_text,
    "number": _as_number,
    "if": _if,
    "coalesce": _coalesce,
    "min": _extreme(min),
    "max": _extreme(max),
}
