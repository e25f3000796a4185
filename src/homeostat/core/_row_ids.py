"""Row ids: a 64-bit identity for each row, from its key or its content, the same everywhere.

The hash is our own, so that an id written today is found again by another version of Polars,
on another machine, in rows of another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from homeostat.core._columns import require_columns

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["column_hash", "mix", "row_ids"]

_GOLDEN = 0x9E3779B97F4A7C15
_NULL, _NAN = np.uint64(0xD1B54A32D192ED03), np.uint64(0x8CB92BA72F3D8DD7)
_EXACT = 2.0**53  # below it an integer and its float64 are one number
_CHUNK = 1 << 22  # bytes of text hashed at once


def row_ids(frame: pl.DataFrame, key: Sequence[str] = ()) -> NDArray[np.uint64]:
    """Return the identity of each row, shape (n,): equal where the key is equal.

    Args:
        frame: The rows, in any order.
        key: Columns that together say which row it is; empty takes all columns, in the order of
            their names. 3 and 3.0 are one value, so are 0.0 and -0.0, all NaNs, and an instant
            in milliseconds and in microseconds; null is a value of its own.

    Raises:
        SchemaError: If a column is missing.

    Example:
        >>> import polars as pl
        >>> one, two = row_ids(pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
        >>> row_ids(pl.DataFrame({"b": ["y"], "a": [2.0]})).tolist() == [two]
        True
    """
    require_columns(frame, key)
    ids = np.full(frame.height, _GOLDEN, np.uint64)
    for name in key or sorted(frame.columns):
        ids = mix(ids ^ column_hash(frame[name]))
    return ids


def column_hash(column: pl.Series) -> NDArray[np.uint64]:
    """Return a hash of each value, shape (n,); nulls have one of their own."""
    import polars as pl  # noqa: PLC0415 - loaded where rows are looked at

    nulls = column.is_null().to_numpy() if column.null_count() else None
    dtype = column.dtype
    if isinstance(dtype, (pl.String, pl.Categorical, pl.Enum)):
        hashed = _text(column.cast(pl.String).fill_null(""))
    elif isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns":
        ns = column.to_physical().fill_null(0).to_numpy()
        hashed = _numbers(ns // 1000) ^ (ns % 1000).astype(np.uint64)
    elif isinstance(dtype, pl.Datetime):
        hashed = _numbers(column.dt.timestamp("us").fill_null(0).to_numpy())
    elif dtype.is_temporal() or dtype.is_float() or dtype.is_integer() or dtype == pl.Boolean:
        physical = column.to_physical()
        wide = pl.Float64 if dtype.is_float() else pl.UInt64 if dtype == pl.UInt64 else pl.Int64
        hashed = _numbers(physical.cast(wide).fill_null(0).to_numpy())
    elif dtype == pl.Null:
        hashed = np.zeros(len(column), np.uint64)
    else:  # decimals, binary, lists, structs, objects: rare, so text will do
        texts = [repr(value) for value in column.to_list()]
        hashed = _text(pl.Series(texts, dtype=pl.String))
    return hashed if nulls is None else np.where(nulls, _NULL, hashed)


def mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64 bits, one to one (SplitMix64; Steele, Lea and Flood 2014)."""
    bits = bits + np.uint64(_GOLDEN)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _numbers(values: NDArray[np.generic]) -> NDArray[np.uint64]:
    floats = values.astype(np.float64) + 0.0  # minus zero becomes zero
    bits = floats.view(np.uint64)
    if values.dtype.kind in "iu":
        bits = np.where(np.abs(floats) >= _EXACT, values.view(np.uint64), bits)
    nan = np.isnan(floats)
    return mix(np.where(nan, _NAN, bits) if nan.any() else bits)


def _text(texts: pl.Series) -> NDArray[np.uint64]:
    """Hash UTF-8 text: each byte times a random odd number for its place, modulo 2**64."""
    lengths = texts.str.len_bytes().to_numpy().astype(np.int64)
    hashed = np.empty(lengths.size, np.uint64)
    for start, stop in _pieces(lengths):
        raw = (texts[start:stop].str.join("").item() or "").encode()
        hashed[start:stop] = _bytes(np.frombuffer(raw, np.uint8), lengths[start:stop])
    return mix(hashed ^ mix(lengths.astype(np.uint64)))


def _pieces(lengths: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut rows where the text so far passes the next multiple of a few megabytes."""
    if lengths.size:
        chunk = np.cumsum(lengths) // _CHUNK
        cuts = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), lengths.size]
        yield from pairwise(cuts)


def _bytes(raw: NDArray[np.uint8], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    ends = np.cumsum(lengths)
    place = np.arange(raw.size) - np.repeat(ends - lengths, lengths)
    factor = mix(np.arange(int(lengths.max(initial=0)) + 1, dtype=np.uint64)) | np.uint64(1)
    terms = (raw.astype(np.uint64) + np.uint64(1)) * factor[place]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms)])
    return np.asarray(sums[ends] - sums[ends - lengths])
