"""Filters and orders of runs, compiled to SQL over their folded rows.

An expression is compiled for the kind of value that is wanted of it. What stands in a config or a
summary differs from run to run: where it is of another kind than what it is compared with, the
comparison is null for that run, and the run is left out. Texts and numbers are never compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from homeostat.core import Expression, InputError, parse_expression
from homeostat.record._index.dialect import FUNCTIONS, json_kind, json_value, same_items
from homeostat.record._query.filter_names import Column, column_of
from homeostat.record._time import nanoseconds

__all__ = ["Sql", "condition_of", "order_of", "value_of"]

_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_NUMBERS = ("abs", "ceil", "exp", "floor", "log", "sqrt", "round")


class Sql(NamedTuple):
    """A piece of SQL.

    Args:
        text: With question marks.
        values: What stands for them.
    """

    text: str
    values: tuple[object, ...] = ()

    def __add__(self, other: object) -> Sql:
        if isinstance(other, Sql):
            return Sql(self.text + other.text, self.values + other.values)
        return Sql(self.text + str(other), self.values)

    def __radd__(self, other: str) -> Sql:
        return Sql(other + self.text, self.values)


_NULL = Sql("NULL")


def condition_of(text: str) -> Sql:
    """Return the SQL of a filter.

    Raises:
        InputError: If it cannot be parsed, or names what runs do not have.
    """
    return _truth(parse_expression(text))


def order_of(text: str) -> Sql:
    """Return the SQL of an order such as ``"-summary.auc"``; runs without a value come last."""
    parts = [part.strip() for part in text.split(",")]
    found = Sql("")
    for part in parts:
        descending = part.startswith("-")
        value = value_of(part.removeprefix("-"))
        clause = "(" + value + ") IS NULL, (" + value + ") " + ("DESC" if descending else "ASC")
        found = found + (", " if found.text else "") + clause
    return found


def value_of(text: str) -> Sql:
    """Return the SQL of a value as it is, of whatever kind."""
    return _plain(parse_expression(text))


def _plain(node: Expression) -> Sql:
    kind = _kind(node)
    if kind == "json":
        return _first(_column(node), lambda column, path: Sql(*_tupled(json_value(column, path))))
    return _compiled(node, kind)


def _kind(node: Expression) -> str:
    """Return the kind of value that a node is."""
    if node.op == "value":
        return _literal_kind(node.value)
    if node.op == "name":
        return column_of(str(node.value)).kind
    if node.op in {"lower", "upper", "text"}:
        return "text"
    if node.op in {"if", "coalesce", "min", "max"}:
        kinds = {_kind(part) for part in (node.args[1:] if node.op == "if" else node.args)}
        kinds -= {"json", "null"}
        return kinds.pop() if len(kinds) == 1 else "number"
    if node.op in {"+", "-", "*", "/", "%", "negative", "len", "number", *_NUMBERS}:
        return "number"
    return "list" if node.op == "list" else "truth"


def _literal_kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, (int, float)) else "text"


def _compiled(node: Expression, wanted: str) -> Sql:
    """Return the SQL of a node as a value of one kind; null where it is of another."""
    if node.op == "name":
        return _name(node, wanted)
    if node.op == "value":
        return _literal(node, wanted)
    if wanted == "truth":
        return _truth(node)
    if node.op in {"if", "coalesce", "min", "max"}:
        return _choice(node, wanted)
    if _kind(node) != wanted:
        return _NULL
    return _text(node) if wanted == "text" else _number(node)


def _literal(node: Expression, wanted: str) -> Sql:
    kind = _literal_kind(node.value)
    if wanted == "time" and kind == "text":
        return Sql("?", (_instant(str(node.value), node.at),))
    if kind != wanted:
        return _NULL
    if isinstance(node.value, bool):
        return Sql(str(node.value).upper())
    value = node.value
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        value = float(value)
    return Sql("?", (value,))


def _instant(text: str, at: int) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"A time is compared with a text such as '2026-01-31' or '2026-01-31T12:00:00', got "
            f"{text!r} at character {at + 1}."
        ) from error
    return nanoseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _column(node: Expression) -> Column:
    return column_of(str(node.value))


def _name(node: Expression, wanted: str) -> Sql:
    column = _column(node)
    if column.kind != "json":
        return Sql(column.column) if column.kind == wanted else _NULL
    return _first(column, lambda name, path: _of_kind(name, path, wanted))


def _first(column: Column, value: Callable[[str, tuple[str, ...]], Sql]) -> Sql:
    """Return the value by the first of the ways to spell its place at which there is one."""
    found = [value(column.column, path) for path in column.paths]
    if len(found) == 1:
        return found[0]
    joined = found[0]
    for other in found[1:]:
        joined = joined + ", " + other
    return "coalesce(" + joined + ")"


def _of_kind(column: str, path: tuple[str, ...], wanted: str) -> Sql:
    kind = Sql(*_tupled(json_kind(column, path)))
    value = Sql(*_tupled(json_value(column, path)))
    if wanted == "number":  # JSON has no infinities: there they are texts
        return (
            "CASE WHEN " + kind + " IN ('integer', 'real') THEN " + value + " WHEN " + value
            + " = 'inf' THEN 9e999 WHEN " + value + " = '-inf' THEN -9e999 END"
        )  # fmt: skip
    if wanted == "truth":
        return "CASE " + kind + " WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
    if wanted == "text":
        return "CASE WHEN " + kind + " = 'text' AND " + value + " <> 'nan' THEN " + value + " END"
    if wanted == "time":
        return _NULL
    return "nullif(" + value + ", 'nan')"


def _tupled(sql: tuple[str, list[str]]) -> tuple[str, tuple[object, ...]]:
    return sql[0], tuple(sql[1])


def _truth(node: Expression) -> Sql:
    make = _TRUTHS.get(node.op)
    if make is not None:
        return make(node)
    if node.op in {"name", "value"}:
        return _compiled(node, "truth")
    return "(" + _compiled(node, _kind(node)) + " <> 0)"


def _joined(node: Expression) -> Sql:
    return "(" + _truth(node.args[0]) + f" {node.op.upper()} " + _truth(node.args[1]) + ")"


def _presence(node: Expression) -> Sql:
    if node.op == "name" and _kind(node) == "json":
        return _first(_column(node), lambda name, path: _of_kind(name, path, "any"))
    return _compiled(node, _kind(node))


def _compared(node: Expression) -> Sql:
    left, right = node.args
    sign = {"==": "=", "!=": "<>"}.get(node.op, node.op)
    kinds = {_kind(left), _kind(right)} - {"json"}
    if len(kinds) == 2 and kinds != {"time", "text"}:
        return _NULL
    if "time" in kinds:
        kinds = {"time"}
    tried = [*kinds] or ["number", "text", "truth"]
    parts = Sql("")
    for kind in tried:
        compared = "(" + _compiled(left, kind) + f" {sign} " + _compiled(right, kind) + ")"
        parts = parts + (", " if parts.text else "") + compared
    return parts if len(tried) == 1 else "coalesce(" + parts + ")"


def _within(item: Expression, holder: Expression) -> Sql:
    if holder.op == "list":
        tests = Sql("FALSE")
        for one in holder.args:
            tests = tests + " OR " + _compared(Expression("==", (item, one)))
        return "(" + tests + ")" if holder.args else Sql("FALSE")
    if _kind(holder) != "json":
        return "(instr(" + _compiled(holder, "text") + ", " + _compiled(item, "text") + ") > 0)"
    return _first(_column(holder), lambda column, path: _in_json(item, column, path))


def _in_json(item: Expression, column: str, path: tuple[str, ...]) -> Sql:
    kind = Sql(*_tupled(json_kind(column, path)))
    items = Sql(*_tupled(same_items(column, path)))
    wanted = _kind(item)
    if wanted == "json":
        wanted = "text"
    types = {"text": "'text'", "number": "'integer', 'real'", "truth": "'true', 'false'"}
    allowed = types.get(wanted, "'null'")
    value = _compiled(item, wanted)
    text = _of_kind(column, path, "text")
    return (
        "CASE WHEN " + kind + " = 'array' THEN EXISTS (SELECT 1 FROM " + items  # noqa: S608 - ours
        + f" AS item WHERE item.type IN ({allowed}) AND item.value = " + value
        + ") WHEN " + kind + " = 'text' THEN instr(" + text + ", " + _compiled(item, "text")
        + ") > 0 END"
    )  # fmt: skip


def _text_test(node: Expression) -> Sql:
    text, part = (_compiled(one, "text") for one in node.args)
    if node.op == "contains":
        return "(instr(" + text + ", " + part + ") > 0)"
    if node.op == "starts":
        return "(substr(" + text + ", 1, length(" + part + ")) = " + part + ")"
    if node.op == "ends":
        start = "max(length(" + text + ") - length(" + part + ") + 1, 1)"
        return "(substr(" + text + ", " + start + ") = " + part + ")"
    _checked_pattern(node.args[1])
    return f"{FUNCTIONS['matches']}(" + text + ", " + part + ")"


def _checked_pattern(node: Expression) -> None:
    try:
        re.compile(str(node.value) if node.op == "value" else "")
    except re.error as error:
        raise InputError(
            f"The pattern {node.value!r} at character {node.at + 1} is none: {error}."
        ) from error


def _choice(node: Expression, wanted: str) -> Sql:
    if node.op == "if":
        test, yes, no = node.args
        return (
            "CASE WHEN " + _truth(test) + " THEN " + _compiled(yes, wanted) + " ELSE "
            + _compiled(no, wanted) + " END"
        )  # fmt: skip
    parts = [_compiled(part, wanted) for part in node.args]
    if node.op == "coalesce":
        return "coalesce(" + _listed(parts) + ")"
    sign = "min" if node.op == "min" else "max"
    rows = Sql("SELECT ") + parts[0] + " AS item"
    for part in parts[1:]:
        rows = rows + " UNION ALL SELECT " + part
    return f"(SELECT {sign}(item) FROM (" + rows + "))"  # noqa: S608 - our own text


def _listed(parts: list[Sql]) -> Sql:
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + ", " + part
    return joined


def _text(node: Expression) -> Sql:
    if node.op == "text":
        return "CAST(" + _plain(node.args[0]) + " AS TEXT)"
    return f"{node.op}(" + _compiled(node.args[0], "text") + ")"


def _number(node: Expression) -> Sql:
    if node.op == "number":
        return "CAST(" + _plain(node.args[0]) + " AS REAL)"
    if node.op == "len":
        return _length(node.args[0])
    args = [_compiled(part, "number") for part in node.args]
    if node.op == "negative":
        return "(-" + args[0] + ")"
    if node.op == "/":
        return "(CAST(" + args[0] + " AS REAL) / nullif(" + args[1] + ", 0))"
    if node.op in {"+", "-", "*"}:
        return "(" + args[0] + f" {node.op} " + args[1] + ")"
    return f"{FUNCTIONS[node.op] or node.op}(" + _listed(args) + ")"


def _length(node: Expression) -> Sql:
    if node.op == "name" and _kind(node) == "json":
        return _first(_column(node), _json_length)
    return "length(" + _compiled(node, "text") + ")"


def _json_length(column: str, path: tuple[str, ...]) -> Sql:
    kind = Sql(*_tupled(json_kind(column, path)))
    items = Sql(*_tupled(same_items(column, path)))
    text = _of_kind(column, path, "text")
    return (
        "CASE WHEN " + kind + " = 'array' THEN (SELECT count(*) FROM " + items  # noqa: S608 - ours
        + ") ELSE length(" + text + ") END"
    )  # fmt: skip


_TRUTHS: dict[str, Callable[[Expression], Sql]] = {
    "and": _joined,
    "or": _joined,
    "not": lambda node: "(NOT " + _truth(node.args[0]) + ")",
    "is null": lambda node: "(" + _presence(node.args[0]) + " IS NULL)",
    **dict.fromkeys(_COMPARISONS, _compared),
    "in": lambda node: _within(*node.args),
    **dict.fromkeys(("contains", "starts", "ends", "matches"), _text_test),
    **dict.fromkeys(("if", "coalesce", "min", "max"), lambda node: _choice(node, "truth")),
}
