"""The parts of SQL that databases spell each in its own way."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Callable, Sequence

__all__ = ["FUNCTIONS", "json_kind", "json_value", "prepare", "same_items"]

FUNCTIONS = {
    **dict.fromkeys(("abs", "lower", "upper", "round"), ""),
    "len": "length",
    "log": "hs_ln",
    "exp": "hs_exp",
    "sqrt": "hs_sqrt",
    "ceil": "hs_ceil",
    "floor": "hs_floor",
    "%": "hs_modulo",
    "matches": "hs_matches",
}
"""Functions of filters, and what they are called here where that differs."""


def json_value(column: str, path: Sequence[str]) -> tuple[str, list[str]]:
    """Return SQL for a value in a JSON document, and what stands for its question marks."""
    if any('"' in key or "\\" in key for key in path):
        inner = column
        values: list[str] = []
        for key in path:  # such a key cannot be part of a path
            inner = f"(SELECT value FROM json_each({inner}) WHERE key = ?)"  # noqa: S608 - our own text
            values.append(key)
        return inner, values
    return f"json_extract({column}, ?)", [_path(path)]


def json_kind(column: str, path: Sequence[str]) -> tuple[str, list[str]]:
    """Return SQL for what a value is: integer, real, true, false, text, array, object, null."""
    if any('"' in key or "\\" in key for key in path):
        *outer, last = path
        inner, values = json_value(column, outer) if outer else (column, [])
        sql = f"(SELECT type FROM json_each({inner}) WHERE key = ?)"  # noqa: S608 - our own text
        return sql, [*values, last]
    return f"json_type({column}, ?)", [_path(path)]


def same_items(column: str, path: Sequence[str]) -> tuple[str, list[str]]:
    """Return SQL for a table ``item(value, type)`` of a list in a JSON document."""
    sql, values = json_value(column, path)
    return f"json_each({sql})", values


def prepare(connection: sqlite3.Connection) -> None:
    """Teach a connection the functions that SQLite may lack."""
    for name, function in (
        ("hs_ln", _guarded(math.log)),
        ("hs_exp", _guarded(math.exp)),
        ("hs_sqrt", _guarded(math.sqrt)),
        ("hs_ceil", _guarded(math.ceil)),
        ("hs_floor", _guarded(math.floor)),
    ):
        connection.create_function(name, 1, function, deterministic=True)
    connection.create_function("hs_modulo", 2, _modulo, deterministic=True)
    connection.create_function("hs_matches", 2, _matches, deterministic=True)


def _path(path: Sequence[str]) -> str:
    return "$" + "".join(f'."{key}"' for key in path)


def _guarded(function: Callable[[float], float]) -> Callable[[float | None], float | None]:
    def guarded(value: float | None) -> float | None:
        try:
            return None if value is None else function(value)
        except (ValueError, OverflowError, TypeError):
            return None

    return guarded


def _modulo(left: float | None, right: float | None) -> float | None:
    try:
        return left % right  # type: ignore[operator]
    except (TypeError, ZeroDivisionError):
        return None


def _matches(text: str | None, pattern: str | None) -> bool | None:
    return None if text is None or pattern is None else re.search(pattern, text) is not None
