"""JSON as the record keeps it: whatever a person passes becomes plain, or a clear error."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import cast

from homeostat.core import InputError, Json

__all__ = ["plain", "plain_object", "to_bytes"]


def plain(value: object, where: str) -> Json:
    """Reduce a value to plain JSON.

    NumPy scalars, enums, paths, dates, tuples and sets become the nearest plain value; a float
    that JSON lacks becomes ``"nan"``, ``"inf"`` or ``"-inf"``.

    Raises:
        InputError: If a part has no JSON form; ``where`` and the path to the part are named.
    """
    try:
        return _plain(value, where)
    except RecursionError as error:
        raise InputError(f"{where} must be JSON, but it contains itself.") from error


def plain_object(value: Mapping[str, object] | None, where: str) -> dict[str, Json]:
    """Reduce a mapping to a plain JSON object; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be a mapping, got {type(value).__name__}: pass a dict.")
    return cast("dict[str, Json]", plain(value, where))


def to_bytes(value: Json) -> bytes:
    """Write plain JSON, compactly."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: object, where: str) -> Json:
    if isinstance(value, Enum):
        value = value.value
    elif getattr(value, "ndim", None) == 0:
        value = value.item()  # type: ignore[attr-defined]  # a NumPy scalar, or what is like one
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {_text(str(key)): _plain(inner, f"{where}.{key}") for key, inner in value.items()}
    return _text_or_list(value, where)


def _text_or_list(value: object, where: str) -> Json:
    if isinstance(value, (str, os.PathLike)):
        return _text(os.fspath(value))
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [_plain(inner, f"{where}[{i}]") for i, inner in enumerate(value)]
    if (isoformat := getattr(value, "isoformat", None)) is not None:
        return str(isoformat())
    raise InputError(
        f"{where} must be JSON, got {_shown(value)} of type {type(value).__name__}: "
        "pass numbers, strings, lists and dicts, or its text."
    )


def _text(text: str | bytes) -> str:
    """Keep what UTF-8 cannot hold (half of a surrogate pair) as a visible escape."""
    return os.fsdecode(text).encode("utf-8", "backslashreplace").decode()


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."
