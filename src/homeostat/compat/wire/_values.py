"""Values as clients send and expect them: JSON with NaN, numbers without a point, instants."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from homeostat.core import InputError

__all__ = ["dumps", "instant_text", "number", "object_of", "parsed", "shown", "split", "value_at"]

_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_EXACT = 2**53


def parsed(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what a JSON text says; NaN and infinities are taken as Python's parser takes them.

    Raises:
        InputError: If it is no JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text, strict=False)
        except (ValueError, RecursionError) as error:
            raise InputError(f"A JSON text is wanted, got {text[:80]!r}: {error}.") from error


def object_of(text: str | None) -> dict[str, Any]:
    """Return the JSON object that a text says; an empty one for no text."""
    value = parsed(text) if text else {}
    if not isinstance(value, dict):
        raise InputError(f"A JSON object is wanted, got {str(text)[:80]!r}.")
    return value


def dumps(value: object) -> str:
    """Return the JSON text of a value; NaN and infinities become the texts clients know.

    Example:
        >>> dumps({"loss": math.nan, "epoch": 2.0})
        '{"loss":"NaN","epoch":2}'
    """
    return orjson.dumps(shown(value)).decode()


def shown(value: Any) -> Any:  # noqa: ANN401, PLR0911 - any JSON, a case a line
    """Return a value as clients read it: whole numbers without a point, NaN as a text."""
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, dict):
        return {str(key): shown(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(one) for one in value]
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return float(value)
    return value


def number(value: object) -> float | None:
    """Return the number that a history's value is, or None where the record keeps it as JSON.

    Whole numbers that a double cannot hold, and booleans, are kept as JSON.
    """
    if isinstance(value, str):
        return _WORDS.get(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if isinstance(value, float) or abs(value) <= _EXACT else None


def split(row: Mapping[str, object]) -> tuple[dict[str, float], dict[str, object]]:
    """Return the numbers of a row and the rest; numbers of nested objects get dotted names.

    Example:
        >>> split({"loss": 1, "val": {"auc": 0.9}, "note": "x"})
        ({'loss': 1.0, 'val.auc': 0.9}, {'note': 'x'})
    """
    numbers: dict[str, float] = {}
    rest: dict[str, object] = {}
    for name, value in row.items():
        found = number(value)
        if found is not None:
            numbers[name] = found
        elif isinstance(value, dict) and value and "_type" not in value:
            inner, other = split({f"{name}.{key}": one for key, one in value.items()})
            numbers |= inner
            rest |= other
        else:
            rest[name] = value
    return numbers, rest


def instant_text(moment: datetime | float | None) -> str | None:
    """Return an instant as clients parse it; seconds since 1970 are taken too.

    Example:
        >>> instant_text(0.0)
        '1970-01-01T00:00:00Z'
    """
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def value_at(tree: Any, path: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what a path names, whose parts may be keys with dots in them."""
    if not path:
        return tree
    if not isinstance(tree, Mapping):
        return None
    if path in tree:
        return tree[path]
    head, _, rest = path.partition(".")
    return value_at(tree[head], rest) if head in tree and rest else None
