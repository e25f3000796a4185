"""Other tools' values as ours: texts that are numbers, nested results, instants."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

__all__ = ["flat", "from_text", "nanoseconds", "sorted_out", "unix_ns"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)")
_STRUCTURED = ("{", "[", "(", "True", "False", "None")
_LONGEST = 100_000


def from_text(text: str) -> object:
    """Return the value that a setting kept as text stands for, as far as it is sure.

    Numbers, True, False, None, and lists and dicts of such as Python prints them; else the text.
    A number with leading zeros stays a text: it is more likely a name.

    Example:
        >>> [from_text(text) for text in ("0.1", "3", "True", "[1, 2]", "007", "adam")]
        [0.1, 3, True, [1, 2], '007', 'adam']
    """
    told = text.strip()
    sure = _NUMBER.fullmatch(told) is not None or told.startswith(_STRUCTURED)
    if not sure or len(told) > _LONGEST:
        return text
    try:
        value: object = ast.literal_eval(told)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return list(value) if isinstance(value, tuple) else value


def flat(tree: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested values by dotted name; what has a ``_type`` is one value.

    Example:
        >>> flat({"loss": 1.0, "val": {"auc": 0.8}, "image": {"_type": "image-file"}})
        {'loss': 1.0, 'val.auc': 0.8, 'image': {'_type': 'image-file'}}
    """
    found: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and value and "_type" not in value:
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def sorted_out(values: Mapping[str, object]) -> tuple[dict[str, float], dict[str, object]]:
    """Part one step's values into numbers and the rest, by name; a truth value is no number."""
    numbers: dict[str, float] = {}
    rest: dict[str, object] = {}
    for name, value in sorted(values.items()):  # some tools shuffle them
        number = _number(value)
        if number is None:
            rest[name] = value
        else:
            numbers[name] = number
    return numbers, rest


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def unix_ns(seconds: float) -> int:
    """Return seconds since 1970 in nanoseconds; 0 for what is no finite time."""
    return round(seconds * 1e9) if math.isfinite(seconds) else 0


def nanoseconds(text: str) -> int | None:
    """Return an ISO 8601 instant in nanoseconds since 1970, UTC unless told; None if it is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
