"""An expectation in free form: a Polars expression, as SQL or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

import polars as pl

from homeostat.core import SchemaError, suggest
from homeostat.data._types import dtype_of
from homeostat.expect._rules import (
    About,
    ColumnRule,
    RowRule,
    Rule,
    Values,
    read_expression,
    register_expectation,
)

__all__: list[str] = []

_ROWWISE = {"Column", "Literal", "BinaryExpr", "Ternary", "Cast", "Alias", "Function"}
_ROWWISE_FUNCTIONS = {
    "Sql",
    "Coalesce",
    "MaxHorizontal",
    "MinHorizontal",
    "Boolean",
    "StringExpr",
    "TemporalExpr",
    "Abs",
    "Pow",
    "Round",
    "Floor",
    "Ceil",
}
_OVER_ROWS = {
    "IsUnique",
    "IsDuplicated",
    "IsFirstDistinct",
    "IsLastDistinct",
    "Any",
    "All",
    "ConcatVertical",
}


@register_expectation("expect_expression")
def expression(about: About, *, sql: str = "", expr: str = "", words: str = "") -> Rule:
    """An expression is true: of each row, or once of the table if it aggregates.

    Args:
        about: The schema.
        sql: Such as ``"arr_time > dep_time or arr_time is null"``.
        expr: Or an expression of Polars as JSON, from ``expr.meta.serialize(format="json")``;
            one that holds a Python function is refused, since reading it would run code.
        words: What must hold, for people.
    """
    if bool(sql) == bool(expr):
        raise SchemaError("give the condition as `sql` or as `expr`, and not both.")
    condition = read_expression(sql or expr, json=bool(expr))
    names = tuple(dict.fromkeys(condition.meta.root_names()))
    for name in names:
        if name not in about.dtypes:
            raise SchemaError(f"there is no column `{name}`.{suggest(name, about.dtypes)}")
    words = words or f"{sql or condition}"
    known = {column.name: dtype_of(column) for column in about.schema.columns}
    dtypes = {name: known.get(name, about.dtypes[name]) for name in names}
    try:
        once = bool(pl.DataFrame(schema=dtypes).select(condition).height)
    except pl.exceptions.PolarsError as error:
        why = str(error).splitlines()[0]
        raise SchemaError(f"{sql or expr!r} does not fit the columns' types: {why}.") from error
    if once:
        if about.where is not None:
            raise SchemaError("of an expression that aggregates, write the condition into it.")
        return ColumnRule(value=condition, holds=bool, words=words, columns=names)

    def test(row: Values) -> bool:
        one = pl.DataFrame({name: [row[name]] for name in names}, schema=dtypes)
        return one.select(condition).item() is not False

    tree = json.loads(condition.meta.serialize(format="json"))
    return RowRule(ok=condition, test=test if _rowwise(tree) else None, words=words, columns=names)


def _rowwise(tree: object) -> bool:
    """Say whether an expression surely sees one row at a time: every part of it is known to."""
    return all(kind in _ROWWISE and _sees_one_row(kind, inner) for kind, inner in _nodes(tree))


def _sees_one_row(kind: str, inner: dict[str, object]) -> bool:
    if kind != "Function":
        return True
    function = inner["function"]
    name, how = next(iter(function.items())) if isinstance(function, dict) else (function, "")
    word = next(iter(how)) if isinstance(how, dict) else how
    return name in _ROWWISE_FUNCTIONS and word not in _OVER_ROWS


def _nodes(tree: object) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the nodes of a serialised expression with what is in them."""
    match tree:
        case {"Column": _} | {"Literal": _}:
            return
        case dict() if len(tree) == 1 and next(iter(tree))[:1].isupper():
            kind, inner = next(iter(tree.items()))
            yield kind, inner
            for key, part in inner.items() if isinstance(inner, dict) else ():
                if key not in {"function", "op", "dtype", "options"}:
                    yield from _nodes(part)
        case list():
            for part in tree:
                yield from _nodes(part)
        case _:
            return
