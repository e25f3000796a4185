"""Arrow IPC from strangers: every length is checked before the reader believes it.

A reader that trusts the lengths in a message can be made to ask for petabytes, and the process is
gone. So the messages' metadata (FlatBuffers) is walked first: flat columns of plain types,
uncompressed, each buffer inside the message's body and as long as its column needs. See the
format's ``Schema.fbs`` and ``Message.fbs``.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import polars as pl
from polars.exceptions import PanicException, PolarsError

from homeostat.core import InputError

__all__ = ["read_arrow"]

_CONTINUES = b"\xff\xff\xff\xff"
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_INT, _FLOAT, _UTF8, _BOOL, _DATE, _TIMESTAMP, _LARGE_UTF8, _VIEW = 2, 3, 5, 6, 8, 10, 20, 24
_MAX_COLUMNS = 10_000


def read_arrow(body: bytes) -> pl.DataFrame:
    """Read an Arrow IPC stream as a frame.

    Args:
        body: Untrusted bytes.

    Raises:
        InputError: If they are no Arrow IPC, or hold nested or compressed columns.

    Example:
        >>> read_arrow(pl.DataFrame({"x": [1, 2]}).write_ipc_stream(None).getvalue()).shape
        (2, 1)
        >>> read_arrow(b"hello")
        Traceback (most recent call last):
        homeostat.core._errors.InputError: The body is no Arrow IPC: its first message is cut off.
    """
    if body.startswith(b"ARROW1"):
        raise InputError(
            "The body is an Arrow file, a stream is read: use `write_ipc_stream` (Polars) or "
            "`pyarrow.ipc.new_stream`."
        )
    try:
        _check(body)
        return pl.read_ipc_stream(io.BytesIO(body))
    except InputError:
        raise
    except (struct.error, PolarsError, PanicException, OSError, ValueError) as error:
        raise InputError(f"The body is no Arrow IPC: {error}.") from None


@dataclass(frozen=True, slots=True)
class _Table:
    """A FlatBuffers table: fields are found through its vtable, in bounds or not at all."""

    data: bytes
    at: int

    def _field(self, number: int) -> int | None:
        vtable = self.at - self.read("<i", self.at)
        size = self.read("<H", vtable)
        slot = 4 + 2 * number
        offset = self.read("<H", vtable + slot) if slot + 2 <= size else 0
        return self.at + offset if offset else None

    def read(self, kind: str, at: int) -> int:
        if at < 0:
            raise InputError("The body is no Arrow IPC: an offset points outside.")
        return int(struct.unpack_from(kind, self.data, at)[0])

    def number(self, field: int, kind: str, default: int = 0) -> int:
        at = self._field(field)
        return default if at is None else self.read(kind, at)

    def table(self, field: int) -> _Table | None:
        at = self._field(field)
        return None if at is None else _Table(self.data, at + self.read("<I", at))

    def vector(self, field: int) -> tuple[int, int]:
        """Return where a vector's elements start, and how many there are."""
        at = self._field(field)
        if at is None:
            return 0, 0
        start = at + self.read("<I", at)
        return start + 4, self.read("<I", start)

    def tables(self, field: int) -> list[_Table]:
        start, n = self.vector(field)
        _require(n <= _MAX_COLUMNS, f"it has {n} columns, at most {_MAX_COLUMNS} are read")
        places = range(start, start + 4 * n, 4)
        return [_Table(self.data, at + self.read("<I", at)) for at in places]

    def structs(self, field: int, kind: str) -> list[tuple[int, ...]]:
        start, n = self.vector(field)
        size = struct.calcsize(kind)
        _require(start + n * size <= len(self.data), "a list is longer than its message")
        return list(struct.iter_unpack(kind, self.data[start : start + n * size]))


@dataclass(frozen=True, slots=True)
class _Column:
    """How many bytes of which buffers a column of n values needs.

    Args:
        bits: Of each value in the main buffer; of each offset for text.
        extra: 1 where there is one more offset than values.
        text: Whether a buffer of text follows.
        view: Whether any number of buffers of text follow.
        dictionary: Number of the dictionary it draws from, if it does.
    """

    bits: int
    extra: int = 0
    text: bool = False
    view: bool = False
    dictionary: int | None = None
    values: _Column | None = None


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise InputError(f"The body is no Arrow IPC that is read here: {what}.")


def _check(stream: bytes) -> None:
    """Raise InputError unless every message is what it says."""
    columns: list[_Column] = []
    for message, body_length in _messages(stream):
        kind, header = message.number(1, "<B"), message.table(2)
        if header is None:
            raise InputError("The body is no Arrow IPC: a message is empty.")
        if kind == _SCHEMA:
            _require(not columns, "there is a second schema")
            columns = _columns(message.data)
        elif kind == _DICTIONARY:
            data = header.table(1)
            number = header.number(0, "<q")
            drawn = [c.values for c in columns if c.dictionary == number and c.values]
            _require(data is not None and bool(drawn), "a dictionary belongs to no column")
            if data is not None:
                _check_batch(data, drawn[:1], body_length)
        else:
            _require(kind == _BATCH and bool(columns), "a message is no batch")
            _check_batch(header, columns, body_length)
    _require(bool(columns), "it has no schema")


def _messages(stream: bytes) -> Iterator[tuple[_Table, int]]:
    """Yield each message's metadata and the length of its body, which lies within the stream."""
    at = 0
    while at < len(stream):
        start = at + 8 if stream[at : at + 4] == _CONTINUES else at + 4
        if start > len(stream):
            raise InputError("The body is no Arrow IPC: a message is cut off.")
        size = int.from_bytes(stream[start - 4 : start], "little")
        if not size:
            return
        metadata = stream[start : start + size]
        if len(metadata) < max(size, 8):
            which = "its first message" if not at else "a message"
            raise InputError(f"The body is no Arrow IPC: {which} is cut off.")
        message = _root(metadata)
        body_length = message.number(3, "<q")
        at = start + size + body_length
        _require(body_length >= 0 and at <= len(stream), "a message's body is cut off")
        yield message, body_length


@lru_cache(maxsize=64)
def _columns(metadata: bytes) -> list[_Column]:
    """Return the columns of a schema's message; clients send the same one again and again."""
    header = _root(metadata).table(2)
    if header is None or header.number(0, "<h"):
        raise InputError("The body is no Arrow IPC that is read here: its schema is big-endian.")
    columns = [_column(field) for field in header.tables(1)]
    _require(bool(columns), "it has no columns")
    return columns


def _root(metadata: bytes) -> _Table:
    return _Table(metadata, int.from_bytes(metadata[:4], "little"))


def _column(field: _Table) -> _Column:
    kind, type_ = field.number(2, "<B"), field.table(3)
    _require(not field.vector(5)[1], "nested columns are not")
    if type_ is None:
        raise InputError("The body is no Arrow IPC: a column has no type.")
    column = _plain(kind, type_)
    dictionary = field.table(4)
    if dictionary is None:
        return column
    index = dictionary.table(1)
    bits = 32 if index is None else index.number(0, "<i")
    _require(bits in {8, 16, 32, 64}, "a dictionary's index has an odd width")
    return _Column(bits, dictionary=dictionary.number(0, "<q"), values=column)


def _plain(kind: int, type_: _Table) -> _Column:
    if kind == _INT:
        bits = type_.number(0, "<i")
        _require(bits in {8, 16, 32, 64}, "an integer has an odd width")
        return _Column(bits)
    if kind == _FLOAT:
        return _Column({0: 16, 1: 32}.get(type_.number(0, "<h"), 64))
    if kind == _DATE:
        return _Column(32 if type_.number(0, "<h", 1) == 0 else 64)
    fixed = {_BOOL: 1, _TIMESTAMP: 64}
    if kind in fixed:
        return _Column(fixed[kind])
    if kind in {_UTF8, _LARGE_UTF8}:
        return _Column(32 if kind == _UTF8 else 64, extra=1, text=True)
    _require(kind == _VIEW, "columns of numbers, booleans, text, dates and times only are")
    return _Column(128, view=True)


def _check_batch(batch: _Table, columns: list[_Column], body_length: int) -> None:
    """Raise InputError unless the batch has these columns, each with the bytes it needs."""
    n = batch.number(0, "<q")
    _require(batch.table(3) is None, "compressed buffers are not")
    _require(0 <= n <= 8 * body_length, "its rows do not fit in its bytes")
    nodes, buffers = batch.structs(1, "<qq"), iter(batch.structs(2, "<qq"))
    variadic = iter(batch.structs(4, "<q"))
    _require(len(nodes) == len(columns), "columns are missing")
    for (rows, nulls), column in zip(nodes, columns, strict=True):
        _require(rows == n and 0 <= nulls <= n, "a column is shorter than its batch")
        _buffer(next(buffers, None), (n + 7) // 8 if nulls else 0, body_length)
        _buffer(next(buffers, None), ((n + column.extra) * column.bits + 7) // 8, body_length)
        texts = next(variadic, (0,))[0] if column.view else int(column.text)
        _require(0 <= texts <= body_length, "a column has more buffers than bytes")
        for _ in range(texts):
            _buffer(next(buffers, None), 0, body_length)
    _require(next(buffers, None) is None, "there are more buffers than columns need")


def _buffer(buffer: tuple[int, ...] | None, needed: int, body_length: int) -> None:
    _require(buffer is not None, "buffers are missing")
    offset, length = buffer or (0, 0)
    inside = min(offset, length) >= 0 and offset + length <= body_length
    _require(inside and length >= needed, "a buffer is shorter than its column")
