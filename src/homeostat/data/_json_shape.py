"""Lines of JSON that surely are objects of known keys and types, told by one regular expression.

The expression is the grammar of JSON (RFC 8259) for just these keys in just this order, each once,
and values of just these types, so that no line that matches it can be misread. What does not match
is for others to look at.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import NoneType

import orjson
import polars as pl

from homeostat.data._json_once import head

__all__ = ["Shaped", "shaped"]

_KEYS = 400
"""Keys of all shapes together, so that the expression is quickly made."""
_SHAPES = 8
_REST = 0.25
"""Share of lines that may be of no such shape: beyond, each line is looked at anyway."""
_ESCAPE = r'\\(?:["\\/bfnrt]|u(?:[0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}))'
_INT = "-?(?:0|[1-9][0-9]{0,17})"
_VALUES: dict[type, tuple[str, pl.DataType]] = {
    bool: ("true|false", pl.Boolean()),
    int: (_INT, pl.Int64()),
    float: (r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?", pl.Float64()),
    str: (rf'"(?:[^"\\\x00-\x1f]|{_ESCAPE})*"', pl.String()),
    NoneType: ("null", pl.String()),
}


@dataclass(frozen=True, slots=True)
class Shaped:
    """Lines of known shapes, parsed, and all others.

    Args:
        frame: The parsed.
        numbers: Line of each row of it; the first is 1.
        keys: All keys of the first lines, in order of appearance.
        kinds: The Python type of each column's values; None's where it has none.
        rest: The other lines by number.
    """

    frame: pl.DataFrame
    numbers: pl.Series
    keys: Sequence[str]
    kinds: Mapping[str, type]
    rest: Mapping[int, bytes]


def shaped(data: bytes) -> Shaped | None:
    """Parse the lines that have one of the shapes of the first; None where these do not tell."""
    objects = _objects(head(data))
    kinds = _kinds(objects)
    if kinds is None:
        return None
    shapes = [keys for keys, _ in Counter(map(tuple, objects)).most_common(_SHAPES)]
    if sum(map(len, shapes)) > _KEYS:
        return None
    line = "|".join(_object(keys, kinds) for keys in shapes)
    with suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException):
        lines = pl.read_lines(io.BytesIO(data), name="line").with_row_index("number", 1)
        fits = lines.select(pl.col("line").str.contains(f"^(?:{line})$")).to_series()
        if fits.sum() < (1 - _REST) * lines.height:
            return None
        schema = {name: _VALUES[kind][1] for name, kind in kinds.items()}
        numbers = lines["number"].filter(fits)
        frame = _parsed(lines["line"].filter(fits), schema)
        if frame.height == numbers.len():
            rest = lines.filter(~fits)
            others = {number: text.encode() for number, text in rest.iter_rows()}
            return Shaped(frame, numbers, list(_keys(objects)), kinds, others)
    return None


def _objects(text: bytes) -> list[dict[str, object]]:
    found = []
    for line in text.splitlines():
        with suppress(orjson.JSONDecodeError):
            found.append(orjson.loads(line))
    return [one for one in found if isinstance(one, dict)]


def _keys(objects: Sequence[Mapping[str, object]]) -> dict[str, None]:
    return dict.fromkeys(key for one in objects for key in one)


def _kinds(objects: Sequence[Mapping[str, object]]) -> dict[str, type] | None:
    """Return the type that most values of each key have; None where one is never plain."""
    kinds: dict[str, type] = {}
    for key in _keys(objects):
        counts = Counter(type(one[key]) for one in objects if one.get(key) is not None)
        if counts[float]:
            counts[float] += counts.pop(int, 0)
        kind = counts.most_common(1)[0][0] if counts else NoneType
        if kind not in _VALUES:
            return None
        kinds[key] = kind
    return kinds or None


def _object(keys: Sequence[str], kinds: Mapping[str, type]) -> str:
    """Write objects of some keys as a regular expression."""
    cells = (f"(?:{_key(key)}): ?(?:{_VALUES[kinds[key]][0]}|null)" for key in keys)
    return rf"\{{{', ?'.join(cells)}\}}"


def _key(key: str) -> str:
    """Write a key as it may stand in a line: as it is, or with escapes for all beyond ASCII."""
    ways = dict.fromkeys((json.dumps(key, ensure_ascii=False), json.dumps(key)))
    return "|".join(map(re.escape, ways))


def _parsed(lines: pl.Series, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    text = io.BytesIO()
    lines.to_frame().write_csv(text, include_header=False, quote_style="never")
    text.seek(0)
    return pl.read_ndjson(text, schema=dict(schema))
