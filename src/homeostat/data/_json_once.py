"""JSON lines parsed in one go, where counting proves that nothing was lost or changed."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["SAMPLE", "at_once", "head"]

SAMPLE = 2_000
"""First lines whose keys and types are tried for all."""
_IN_CACHE = 1 << 16
_QUOTE, _COLON, _BRACE, _NEWLINE = b'":}\n'


def at_once(data: bytes) -> pl.DataFrame | None:
    """Parse all lines with the types of the first; None where something may have been lost.

    Each key of the text must be a cell of the frame, and each quote one of a key or of a text.
    """
    marks = _marks(data)
    if marks.closed != marks.lines:
        return None
    with suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException):
        schema = pl.read_ndjson(io.BytesIO(head(data)), infer_schema_length=None).schema
        flat = (pl.Int64, pl.Float64, pl.String, pl.Boolean)
        if not schema or not all(isinstance(dtype, flat) for dtype in schema.values()):
            return None
        frame = pl.read_ndjson(io.BytesIO(data), schema=schema)
        cells = sum(column.count() for column in frame.iter_columns())
        texts = sum(c.count() for c in frame.iter_columns() if isinstance(c.dtype, pl.String))
        nulls = marks.keys - cells
        if nulls:
            nulls = data.count(b'":null') + data.count(b'": null')
        if (marks.lines, marks.keys, marks.quotes) == (
            frame.height,
            cells + nulls,
            2 * (marks.keys + texts),
        ):
            return frame
    return None


def head(data: bytes) -> bytes:
    """Return the first lines, whole."""
    end = 0
    for _ in range(SAMPLE):
        found = data.find(b"\n", end)
        if found < 0:
            return data
        end = found + 1
    return data[:end]


@dataclass(slots=True)
class _Marks:
    """How many quotes, keys, and lines that are not empty a text has; how many end in a brace."""

    quotes: int = 0
    keys: int = 0
    lines: int = 0
    closed: int = 0


def _marks(data: bytes) -> _Marks:
    """Count in one pass over pieces that stay in the processor's cache."""
    buffer, marks = np.frombuffer(data, np.uint8), _Marks()
    if not data:
        return marks
    marks.lines = int(buffer[0] != _NEWLINE) - int(buffer[-1] == _NEWLINE)
    marks.closed = int(buffer[-1] == _BRACE)
    quote, colon, brace, newline = np.empty((4, _IN_CACHE + 1), np.bool_)
    for start in range(0, buffer.size, _IN_CACHE):
        here = buffer[start : start + _IN_CACHE]
        more = buffer[start : start + _IN_CACHE + 1]  # with the first byte of the next piece
        size, following = here.size, slice(1, more.size)
        pairs = slice(0, more.size - 1)
        np.equal(here, _QUOTE, out=quote[:size])
        np.equal(more, _COLON, out=colon[: more.size])
        np.equal(here, _BRACE, out=brace[:size])
        np.equal(more, _NEWLINE, out=newline[: more.size])
        marks.quotes += int(np.count_nonzero(quote[:size]))
        marks.lines += int(np.count_nonzero(newline[:size]))
        marks.keys += _both(quote[pairs], colon[following])
        marks.closed += _both(brace[pairs], newline[following])
        marks.lines -= int(np.count_nonzero(newline[pairs] & newline[following]))
    return marks


def _both(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> int:
    """Count where both are so, in the room of the first."""
    return int(np.count_nonzero(np.logical_and(first, second, out=first)))
