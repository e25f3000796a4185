"""The cells of a table: what kind a value is of, and how a column of one kind is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, cast

import polars as pl

from homeostat.core import InputError
from homeostat.media._content import Media, Put, Row

__all__ = [
    "MEDIA",
    "MIXED",
    "cell",
    "from_struct",
    "is_media",
    "is_rewritten",
    "kind_of_dtype",
    "merged",
    "series",
    "to_media_row",
]

MIXED = "mixed"
MEDIA = pl.Struct(
    {
        **dict.fromkeys(("_type", "sha256"), pl.String),
        "size": pl.Int64,
        **dict.fromkeys(("format", "caption"), pl.String),
        **dict.fromkeys(("width", "height"), pl.Int64),
        "rest": pl.String,  # all other facts, as JSON
    }
)
_FACTS = [field.name for field in MEDIA.fields if field.name != "rest"]
_EMPTY = "empty list"
_LISTS = {"numbers": "number", "texts": "text"}
_BY_TYPE: Mapping[type, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "bool",
    datetime: "datetime",
    date: "date",
    time: "time",
    timedelta: "duration",
}
_KINDS: Mapping[type[pl.DataType], str] = {
    **dict.fromkeys((pl.String, pl.Categorical, pl.Enum), "text"),
    pl.Boolean: "bool",
    pl.Date: "date",
    pl.Time: "time",
    pl.Duration: "duration",
}
_DTYPES: Mapping[str, pl.DataType] = {
    "text": pl.String(),
    "bool": pl.Boolean(),
    "datetime": pl.Datetime("us"),
    "instant": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "time": pl.Time(),
    "duration": pl.Duration("us"),
    "texts": pl.List(pl.String()),
    _EMPTY: pl.List(pl.Null()),  # goes with lists of any kind
    "media": MEDIA,
}


def cell(value: object) -> tuple[object, str | None]:
    """Return a value as a table keeps it, and its kind; None for nothing.

    Raises:
        InputError: If a table cannot keep such a value.
    """
    kind = _BY_TYPE.get(type(value))
    if kind is not None:
        # Times with and without a zone are two kinds: which comes first cannot be told.
        return value, "instant" if kind == "datetime" and value.tzinfo else kind  # type: ignore[attr-defined]  # a datetime
    if value is None:
        return None, None
    if isinstance(value, Media):
        return value, "media"
    return _converted(value)


def _converted(value: Any) -> tuple[object, str | None]:  # noqa: ANN401 - duck-typed
    if isinstance(value, Enum):
        return cell(value.value)
    if getattr(value, "ndim", None) == 0 or type(value).__name__ in {"NAType", "NaTType"}:
        return cell(value.item()) if hasattr(value, "item") else (None, None)
    if hasattr(value, "to_pydatetime"):  # a pandas time
        return cell(value.to_pydatetime())
    for known, kind in _BY_TYPE.items():
        if isinstance(value, known):
            return value, kind
    if isinstance(value, Mapping):
        return {str(key): inner for key, inner in value.items()}, "json"
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return _listed(list(value))
    raise InputError(
        f"A cell is a number, text, time, list, dict or media, got {type(value).__name__}: pass "
        "its text, or wrap it, as in Image(...)."
    )


def _listed(values: list[object]) -> tuple[object, str]:
    cells = [cell(value) for value in values]
    kinds = {kind for _, kind in cells if kind is not None}
    if any(kind in {"media", MIXED} for kind in kinds):
        raise InputError("A list in a cell holds no media: give each its own column or row.")
    for name, inner in _LISTS.items():
        if kinds == {inner}:
            return [value for value, _ in cells], name
    return values, _EMPTY if not values else "json"


def merged(known: str | None, kind: str | None) -> str | None:
    """Return the kind of a column of ``known`` that gets a cell of ``kind``; None if none fits."""
    if known is None or known == kind:
        return kind
    if kind is None or known == MIXED:
        return known
    pair = {known, kind}
    if _EMPTY in pair and pair & {*_LISTS, "json"}:
        return (pair - {_EMPTY}).pop()
    return None


def is_rewritten(known: str | None, kind: str | None) -> bool:
    """Say whether rows stored as one kind must be stored anew as another."""
    return known not in {None, kind} and (kind == MIXED or (known, kind) == (_EMPTY, "json"))


def is_media(dtype: pl.DataType | type[pl.DataType]) -> bool:
    """Say whether a column of this type holds media."""
    return isinstance(dtype, pl.Struct) and {"_type", "sha256"} <= {f.name for f in dtype.fields}


def kind_of_dtype(dtype: pl.DataType) -> str | None:
    """Return the kind of a column of a frame."""
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.Datetime):
        return "instant" if dtype.time_zone else "datetime"
    if isinstance(dtype, pl.List):
        inner = kind_of_dtype(cast("pl.DataType", dtype.inner))
        return {"number": "numbers", "text": "texts"}.get(str(inner), "list")
    if isinstance(dtype, pl.Struct):
        return "media" if is_media(dtype) else "struct"
    return None if dtype == pl.Null else _KINDS.get(dtype.base_type(), str(dtype).lower())


def series(name: str, values: Sequence[object], kind: str | None, put: Put) -> pl.Series:
    """Return cells of one kind as a column; media are put aside.

    Raises:
        InputError: If a whole number does not fit in 64 bits.
    """
    if kind in {"json", MIXED}:
        texts = [None if value is None else _json(value, put) for value in values]
        return pl.Series(name, texts, pl.String)
    if kind == "media":
        rows = [
            None if value is None else to_media_row(cast("Media", value), put) for value in values
        ]
        return pl.Series(name, rows, MEDIA)
    if kind in {"number", "numbers"}:
        return _numbers(name, values, listed=kind == "numbers")
    if kind is not None and kind not in _DTYPES:  # of a frame that had more types than cells have
        return pl.Series(name, values, strict=False)
    return pl.Series(name, values, _DTYPES[kind] if kind else pl.Null)


def _numbers(name: str, values: Sequence[object], *, listed: bool) -> pl.Series:
    flat: Iterable[object] = values
    if listed:
        flat = (one for value in values if value is not None for one in cast("list[object]", value))
    floats, low, high = False, 0, 0
    for value in flat:
        if type(value) is float:
            floats = True
        elif value is not None:
            whole = cast("int", value)
            low, high = min(low, whole), max(high, whole)
    dtype: pl.DataType = pl.Float64() if floats else pl.Int64()
    if not floats and (low < -(2**63) or high >= 2**63):
        if low < 0 or high >= 2**64:
            raise InputError(
                f"Whole numbers of the column `{name}` fit in 64 bits, got {low} to {high}: "
                "pass them as text or as float."
            )
        dtype = pl.UInt64()
    return pl.Series(name, values, pl.List(dtype) if listed else dtype, strict=False)


def to_media_row(value: Media, put: Put) -> dict[str, object]:
    """Put a media value and return its struct: the facts that are columns, the rest as JSON."""
    row = value.to_row(put)
    rest = {key: fact for key, fact in row.items() if key not in _FACTS}
    found: dict[str, object] = {key: row.get(key) for key in _FACTS}
    return found | {"rest": json.dumps(rest, sort_keys=True) if rest else None}


def from_struct(struct: Mapping[str, object]) -> Row:
    """Return the row that a struct was made from."""
    facts = {key: fact for key, fact in struct.items() if key != "rest" and fact is not None}
    return cast("Row", {**facts, **json.loads(str(struct.get("rest") or "{}"))})


def _json(value: object, put: Put) -> str:
    return json.dumps(_plain(value, put), ensure_ascii=False, separators=(",", ":"))


def _plain(value: object, put: Put) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, put) for key, inner in value.items()}
    found, kind = cell(value)
    if kind == "media":
        return cast("Media", found).to_row(put)
    if isinstance(found, list):
        return [_plain(inner, put) for inner in found]
    return _plain_leaf(found)


def _plain_leaf(value: object) -> object:
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
