"""What is wrong with a line that should be one JSON object."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import orjson

__all__ = ["fault"]


class _Twice(Exception):  # noqa: N818 - it carries an answer, no error
    """A key that an object has more than once."""


def fault(line: bytes) -> str | None:
    """Say why a line is no object of unique keys; None where it is one."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "not a JSON object"
    if not isinstance(value, dict):
        return "not a JSON object"
    # written anew, each key is there once: a repeated one had two quotes more
    if line.count(b'"') == orjson.dumps(value).count(b'"'):
        return None
    try:
        with suppress(ValueError, RecursionError):  # such as numbers of 5,000 digits
            json.loads(line, object_pairs_hook=_unique)
    except _Twice as repeated:
        return f"the key `{repeated}` is there twice"
    return None


def _unique(pairs: Sequence[tuple[str, object]]) -> None:
    for key, count in Counter(key for key, _ in pairs).items():
        if count > 1:
            raise _Twice(key)
