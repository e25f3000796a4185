"""What people log, sorted into numbers and everything else; nothing is lost without a word."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from homeostat.core import Json
from homeostat.track._plain import plain

__all__ = ["Sorted", "as_numbers", "sort"]

_EXACT = 1 << 53  # whole numbers up to here have a double of their own

_MAX_DEPTH = 64
_MAX_LIST = 32
_MAX_ROW_BYTES = 1 << 20
_BINS = 64


class Stored(Protocol):
    """A content that is kept: what `Run.put` returns."""

    @property
    def sha256(self) -> str:
        """The digest in hex."""

    @property
    def size(self) -> int:
        """Bytes."""


Put = Callable[[bytes | Path], Stored]


class Sorted(NamedTuple):
    """One row, ready to be written.

    Args:
        numbers: Metrics.
        others: Everything else, as JSON.
        notes: What had to be changed, by name.
    """

    numbers: dict[str, float]
    others: dict[str, Json]
    notes: dict[str, str]


def as_numbers(data: dict[Any, Any]) -> dict[Any, float] | None:
    """Return data all of whose values are plain numbers, NumPy's doubles as Python's; else None.

    Example:
        >>> as_numbers({"loss": 0.5, "epoch": 3}), as_numbers({"done": True})
        ({'loss': 0.5, 'epoch': 3}, None)
    """
    doubles = False
    for value in data.values():
        kind = type(value)
        if kind is float or (kind is int and -_EXACT <= value <= _EXACT):
            continue
        if not isinstance(value, float):
            return None
        doubles = True
    return {name: float(value) for name, value in data.items()} if doubles else data


def sort(data: Mapping[Any, object], put: Put) -> Sorted:
    """Sort what was logged; nested dicts become names with dots.

    Args:
        data: Any values by any keys.
        put: Keeps a content, for media and for what is too large for a row.

    Example:
        >>> numbers, others, notes = sort({"train": {"loss": 1, "note": "ok"}, 3: True}, print)
        >>> numbers, others
        ({'train.loss': 1.0, '3': 1.0}, {'train.note': 'ok'})
        >>> notes
        {'3': 'the key 3 is written as the text `3`'}
    """
    row = Sorted({}, {}, {})
    _take_all(row, "", data, put, 0)
    return row


def _take_all(row: Sorted, prefix: str, data: Mapping[Any, object], put: Put, depth: int) -> None:
    for key, value in data.items():
        name = _name(row, prefix, key)
        if name in row.numbers or name in row.others:
            row.notes[name] = "two values of one call have this name; the later one is kept"
            row.numbers.pop(name, None)
            row.others.pop(name, None)
        _take(row, name, value, put, depth)


def _name(row: Sorted, prefix: str, key: object) -> str:
    name = key if isinstance(key, str) else str(key)
    full = prefix + (name or "(empty)")
    if not isinstance(key, str):
        row.notes[full] = f"the key {key!r} is written as the text `{full}`"
    elif not name:
        row.notes[full] = f"an empty key is written as `{full}`"
    return full


def _take(row: Sorted, name: str, value: object, put: Put, depth: int) -> None:
    kind = type(value)
    if kind is bool or isinstance(value, float):  # NumPy's double is one
        row.numbers[name] = float(cast("float", value))
    elif isinstance(value, int):
        _take_whole(row, name, int(value))
    elif value is None or kind is str:
        _keep(row, name, cast("Json", value), put)
    elif isinstance(value, Mapping) and value and depth < _MAX_DEPTH:
        _take_all(row, f"{name}.", value, put, depth + 1)
    elif (to_row := getattr(value, "to_row", None)) is not None:
        _keep(row, name, to_row(put), put)
    elif (known := _media(value)) is not None:
        _keep(row, name, known.to_row(put), put)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        row.others[name] = _stored("bytes", put(bytes(value)))
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        _take_array(row, name, value, put)
    elif isinstance(value, (list, tuple)) and _holds_media(value):
        _keep(row, name, [_item(inner, put) for inner in value], put)
    else:
        _take_rest(row, name, value, put)


def _take_whole(row: Sorted, name: str, value: int) -> None:
    try:
        row.numbers[name] = float(value)
    except OverflowError:
        text = str(value) if value.bit_length() < 10_000 else hex(value)
        row.others[name] = text
        row.notes[name] = "a whole number beyond 1.8e308 is kept as a text"
        return
    if not -_EXACT <= value <= _EXACT:
        row.notes[name] = (
            "a whole number beyond 2**53 is kept as the nearest double; log str(x) to keep "
            "every digit"
        )


def _take_array(row: Sorted, name: str, value: Any, put: Put) -> None:  # noqa: ANN401 - NumPy's, torch's, JAX's
    try:
        array = _array(value)
    except (TypeError, ValueError, RuntimeError) as error:
        row.others[name] = plain(value)
        row.notes[name] = f"it has no numbers that can be read ({error}); its text is kept"
        return
    if array.size == 1:
        _take_one(row, name, array.reshape(()).item(), put)
    elif array.size <= _MAX_LIST or array.dtype.kind not in "biuf":
        _keep(row, name, plain(array.tolist()), put)
    else:
        _take_many(row, name, array, put)


def _array(value: Any) -> Any:  # noqa: ANN401 - NumPy's
    import numpy as np  # noqa: PLC0415 - whoever has an array has it loaded

    if hasattr(value, "detach"):  # torch
        value = value.detach().cpu()
        value = value.float() if "bfloat16" in str(value.dtype) else value
        value = value.numpy()
    return np.asarray(value)


def _take_one(row: Sorted, name: str, item: object, put: Put) -> None:
    if isinstance(item, (float, int)):
        _take(row, name, item, put, 0)
    elif hasattr(item, "__float__") and not isinstance(item, (str, bytes)):
        row.numbers[name] = float(item)
    else:
        _keep(row, name, plain(item), put)


def _take_many(row: Sorted, name: str, array: Any, put: Put) -> None:  # noqa: ANN401 - NumPy's
    from homeostat.media import Histogram  # noqa: PLC0415 - loaded with the first array

    _keep(row, name, Histogram(array.reshape(-1), num_bins=_BINS).to_row(put), put)
    row.notes[name] = (
        f"{array.size} values are kept as a histogram; use an artifact or save() to keep them all"
    )


def _take_rest(row: Sorted, name: str, value: object, put: Put) -> None:
    if isinstance(value, (list, tuple, set, frozenset, range, Mapping, Path, str)) or hasattr(
        value, "isoformat"
    ):
        kept = plain(value)
    elif hasattr(value, "__float__"):  # Decimal, Fraction, and scalars of other libraries
        try:
            row.numbers[name] = float(value)
        except (TypeError, ValueError, OverflowError):
            kept = plain(value)
        else:
            return
    else:
        kept = plain(value)
        if isinstance(kept, str):
            row.notes[name] = f"a {type(value).__name__} is kept as its text"
    _keep(row, name, kept, put)


def _keep(row: Sorted, name: str, value: Json, put: Put) -> None:
    """Keep JSON in the row, or beside it where it is too large for one."""
    if isinstance(value, str) and len(value) <= _MAX_ROW_BYTES // 8:
        row.others[name] = value
        return
    if value is None or isinstance(value, (float, int, bool)):
        row.others[name] = value
        return
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
    if len(text) <= _MAX_ROW_BYTES:
        row.others[name] = value
        return
    row.others[name] = _stored("json-file", put(text))
    row.notes[name] = f"its {len(text) >> 20} MiB are kept as a file beside the row"


def _stored(kind: str, blob: Stored) -> Json:
    return {"_type": kind, "sha256": blob.sha256, "size": blob.size}


def _item(value: object, put: Put) -> Json:
    to_row = getattr(value, "to_row", None)
    if to_row is None and (known := _media(value)) is not None:
        to_row = known.to_row
    return plain(value) if to_row is None else cast("Json", to_row(put))


def _holds_media(values: Sequence[object]) -> bool:
    return any(hasattr(value, "to_row") or _media(value) is not None for value in values)


class _Media(Protocol):
    def to_row(self, put: Put) -> Json:
        """Return what stands in the row."""


def _media(value: object) -> _Media | None:
    """Return the media object for a figure, picture or frame of another library."""
    home = type(value).__module__.partition(".")[0]
    if home not in {"matplotlib", "plotly", "PIL", "pandas", "polars", "pyarrow"}:
        return None
    from homeostat import media  # noqa: PLC0415 - loaded with the first of them

    name = type(value).__name__
    if home == "plotly" or (home == "matplotlib" and hasattr(value, "savefig")):
        return cast("_Media", media.Plotly(value) if home == "plotly" else media.Image(value))
    if home == "PIL":
        return cast("_Media", media.Image(value))
    if name in {"DataFrame", "LazyFrame", "Table"}:
        return cast("_Media", media.Table(dataframe=value))
    if home == "matplotlib" and name == "module":
        return cast("_Media", media.Image(value.gcf()))  # type: ignore[attr-defined]  # pyplot
    return None
