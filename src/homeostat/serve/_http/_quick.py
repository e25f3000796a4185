"""Quick: rows that surely keep their schema's rules, told at the cost of a few look-ups.

The types of a row's values, as one tuple, say all that there is to say of its fields, types and
nulls; each tuple is judged once. What is left are whole numbers of 64 bits, categories and the
expectations. A row that is not surely right goes to the schema's pydantic model, which says what
is wrong with it, so both must agree (`tests/serve/http/test_quick.py` holds them together).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from operator import itemgetter
from typing import Any

from homeostat.core import Column, ColumnType, Schema
from homeostat.expect import RequestModel

__all__ = ["Quick", "quick"]

_TYPES: Mapping[str, tuple[type, ...]] = {
    ColumnType.BOOL: (bool,),
    ColumnType.INT: (int,),
    ColumnType.FLOAT: (float, int),
    ColumnType.STRING: (str,),
    ColumnType.CATEGORY: (str,),
}
_INT64 = 1 << 63
_MANY = 4096  # tuples of types that are remembered
Row = dict[str, object]


def quick(schema: Schema, model: type[RequestModel]) -> Quick | None:
    """Return what tells right rows quickly; None where a schema has dates or rules across columns.

    Args:
        schema: Of the features.
        model: Compiled from it; its rules are the ones to keep.
    """
    plain = all(column.type in _TYPES for column in schema.columns)
    across = any(one.column is None for one in schema.expectations)
    return Quick(schema, model) if plain and not across and schema.columns else None


class Quick:
    """Tells whether a row, as read from JSON, surely keeps the rules; see `quick`."""

    def __init__(self, schema: Schema, model: type[RequestModel]) -> None:
        self._columns = schema.columns
        self._n = len(schema.names)
        names = schema.names if self._n > 1 else schema.names * 2  # of one, no tuple would come
        self._values = itemgetter(*names)
        self._whole: dict[tuple[type, ...], tuple[str, ...] | None] = {}
        self._ranges: list[tuple[str, Any, Any]] = []
        self._sets: list[tuple[str, frozenset[object]]] = []
        self._tests: list[Callable[[Mapping[str, object]], bool]] = []
        for column in schema.columns:
            self._take(column, model)

    def row(self, payload: Row) -> Row | None:  # noqa: PLR0911 - each way out spares the rest
        """Return the values of a row that surely keeps the rules, None of any other.

        Args:
            payload: As orjson read it: without NaN and infinities.
        """
        if len(payload) != self._n:
            return None
        try:
            types = tuple(map(type, self._values(payload)))
        except KeyError:
            return None
        try:
            whole = self._whole[types]
        except KeyError:
            whole = self._judge(types)
        if whole is None:
            return None
        if whole:
            payload = payload | {name: float(payload[name]) for name in whole}  # type: ignore[arg-type]  # ints
        for name, low, high in self._ranges:
            value: Any = payload[name]
            if value is not None and not low <= value <= high:
                return None
        for name, known in self._sets:
            if payload[name] not in known:
                return None
        for test in self._tests:
            if not test(payload):
                return None
        return payload

    def _judge(self, types: tuple[type, ...]) -> tuple[str, ...] | None:
        """Return which columns of numbers came as whole ones; None where a type is wrong."""
        judged: tuple[str, ...] | None = ()
        for column, kind in zip(self._columns, types, strict=False):
            if kind not in _TYPES[column.type] and not (kind is type(None) and column.nullable):
                judged = None
                break
            if column.type is ColumnType.FLOAT and kind is int:
                judged = (*(judged or ()), column.name)
        if len(self._whole) >= _MANY:
            self._whole.clear()
        self._whole[types] = judged
        return judged

    def _take(self, column: Column, model: type[RequestModel]) -> None:
        """Take a column's rules, as ranges and sets where they are that."""
        low, high = (-_INT64, _INT64 - 1) if column.type is ColumnType.INT else (-inf, inf)
        bounded = column.type is ColumnType.INT
        for rule in model.checks[column.name].rules:
            native = dict(rule.native)
            if native.keys() == {"literal"}:
                known = frozenset(native["literal"])
                self._sets.append((column.name, known | {None} if column.nullable else known))
            elif native and native.keys() <= {"ge", "le"}:
                bounded = True
                low, high = max(low, native.get("ge", low)), min(high, native.get("le", high))
            elif native != {"allow_inf_nan": False}:
                self._tests.append(rule.test)
        if bounded:
            self._ranges.append((column.name, low, high))
