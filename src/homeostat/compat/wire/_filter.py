"""Filters and orders as W&B writes them: Mongo's operators over named fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import polars as pl

from homeostat.compat.wire._values import parsed
from homeostat.core import InputError

__all__ = ["ordered", "passing"]

_Item = TypeVar("_Item")
Field = Callable[[_Item, str], Any]
_DEEPEST = 32


def passing(
    items: Iterable[_Item], filters: str | Mapping[str, Any] | None, field: Field[_Item]
) -> list[_Item]:
    """Return what passes a filter.

    Args:
        items: What to choose from.
        filters: JSON of a filter; an empty one lets everything pass.
        field: Gives a field of an item by its name; None where it has none.

    Raises:
        InputError: If an operator is unknown or its operand of no use.

    Example:
        >>> rows = [{"lr": 0.1, "tags": ["a"]}, {"lr": 0.5, "tags": ["a", "b"]}]
        >>> [row["lr"] for row in passing(rows, '{"lr": {"$gte": 0.2}, "tags": "b"}', dict.get)]
        [0.5]
    """
    wanted = parsed(filters) if isinstance(filters, str) and filters else filters or {}
    if not isinstance(wanted, Mapping):
        raise InputError(f"A filter is a JSON object, got {json.dumps(wanted)[:80]}.")
    return [one for one in items if _fits(partial(field, one), wanted, 0)]


def ordered(items: Iterable[_Item], order: str, field: Field[_Item]) -> list[_Item]:
    """Return items by a field such as ``-summary_metrics.auc`` or ``+created_at``.

    What lacks the field comes last; several fields are separated by commas.
    """
    ranked = list(items)
    for key in reversed([part.strip() for part in order.split(",") if part.strip()]):
        name = key.lstrip("+-")
        ranked = _by(ranked, name, field, down=key.startswith("-"))
    return ranked


def _by(items: list[_Item], name: str, field: Field[_Item], *, down: bool) -> list[_Item]:
    known = [(one, value) for one in items if (value := field(one, name)) is not None]
    known.sort(key=lambda pair: _rank(pair[1]), reverse=down)
    return [one for one, _ in known] + [one for one in items if field(one, name) is None]


def _rank(value: Any) -> tuple[int, Any]:  # noqa: ANN401 - any JSON
    if isinstance(value, (int, float)):
        return 0, value
    return (1, value) if isinstance(value, str) else (2, json.dumps(value, sort_keys=True))


def _fits(get: Callable[[str], Any], wanted: Mapping[str, Any], depth: int) -> bool:
    if depth > _DEEPEST:
        raise InputError(f"A filter may nest {_DEEPEST} deep, this one nests deeper.")
    for name, operand in wanted.items():
        match name:
            case "$and":
                fits = all(_fits(get, part, depth + 1) for part in _parts(operand))
            case "$or":
                fits = any(_fits(get, part, depth + 1) for part in _parts(operand))
            case "$nor":
                fits = not any(_fits(get, part, depth + 1) for part in _parts(operand))
            case "$not":
                fits = not _fits(get, operand, depth + 1)
            case _ if name.startswith("$"):
                raise InputError(f"A filter knows $and, $or, $nor, $not; got {name!r}.")
            case _:
                fits = _matches(get(name), operand)
        if not fits:
            return False
    return True


def _parts(operand: object) -> Sequence[Mapping[str, Any]]:
    if isinstance(operand, list) and all(isinstance(part, Mapping) for part in operand):
        return operand
    raise InputError("$and, $or and $nor take a list of filters.")


def _matches(value: Any, operand: Any) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(operand, Mapping) and any(key.startswith("$") for key in operand):
        return all(_holds(value, key, wanted, operand) for key, wanted in operand.items())
    return _equal(value, operand)


def _holds(value: Any, operator: str, wanted: Any, operand: Mapping[str, Any]) -> bool:  # noqa: ANN401, PLR0911 - an operator a line
    match operator:
        case "$eq":
            return _equal(value, wanted)
        case "$ne":
            return not _equal(value, wanted)
        case "$in":
            return any(_equal(value, one) for one in wanted)
        case "$nin":
            return not any(_equal(value, one) for one in wanted)
        case "$exists":
            return (value is not None) == bool(wanted)
        case "$not":
            return not _matches(value, wanted)
        case "$regex":
            return any(_found(one, wanted, operand.get("$options", "")) for one in _many(value))
        case "$options":
            return True
        case "$contains":
            return any(str(wanted) in str(one) for one in _many(value))
        case "$gt" | "$gte" | "$lt" | "$lte":
            return any(_compare(one, operator, wanted) for one in _many(value))
    raise InputError(
        "A filter knows $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not, $regex and "
        f"$contains; got {operator!r}."
    )


def _many(value: Any) -> Sequence[Any]:  # noqa: ANN401 - any JSON
    return value if isinstance(value, list) else [value]


def _equal(value: Any, wanted: Any) -> bool:  # noqa: ANN401 - any JSON
    """Compare; a list has what is one of its members, as in Mongo."""
    return bool(value == wanted) or (isinstance(value, list) and wanted in value)


def _compare(value: Any, operator: str, wanted: Any) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(value, str) != isinstance(wanted, str) or value is None or wanted is None:
        return False
    try:
        return bool(
            {
                "$gt": lambda: value > wanted,
                "$gte": lambda: value >= wanted,
                "$lt": lambda: value < wanted,
                "$lte": lambda: value <= wanted,
            }[operator]()
        )
    except TypeError:
        return False


def _found(value: object, pattern: object, options: str) -> bool:
    """Search by Polars' expressions, whose time grows with the text alone."""
    if not isinstance(value, str):
        return False
    flags = "(?i)" if "i" in options else ""
    try:
        return bool(pl.Series([value]).str.contains(f"{flags}{pattern}")[0])
    except pl.exceptions.PolarsError as error:
        raise InputError(f"$regex takes a regular expression, got {pattern!r}.") from error
