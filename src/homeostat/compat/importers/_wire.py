"""Protocol Buffers as bytes: the fields of one message, without its description.

The encoding is that of protobuf.dev/programming-guides/encoding. Only what the importers read is
here: varints, 64 and 32 bit words, and length-delimited fields; groups are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "WireError",
    "blob",
    "doubles",
    "fields",
    "floats",
    "number",
    "signed",
    "text",
    "varints",
    "zigzag",
]

Field = tuple[int, int | bytes]
_WORDS = {4: struct.Struct("<f"), 8: struct.Struct("<d")}


class WireError(ValueError):
    """The bytes are no Protocol Buffers message."""


def fields(data: bytes) -> Iterator[Field]:
    """Give the number and the value of each field, in order.

    A varint is an ``int``; everything else is its ``bytes`` (8, 4, or as many as it has).

    Raises:
        WireError: If the bytes break off or hold what is no field.
    """
    at, end = 0, len(data)
    while at < end:
        tag = data[at]
        at += 1
        if tag & 0x80:
            tag, at = _varint(data, at - 1)
        kind = tag & 7
        if kind == 2:
            size, at = _varint(data, at)
        elif kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        elif kind in {1, 5}:
            size = 8 if kind == 1 else 4
        else:
            raise WireError(f"A field of type {kind} is not read here.")
        if at + size > end:
            raise WireError("A field breaks off.")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    try:
        while (byte := data[at]) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if shift > 63:
                raise WireError("A varint has more than 10 bytes.")
    except IndexError as error:
        raise WireError("A varint breaks off.") from error
    return value | byte << shift, at + 1


def signed(value: int | bytes) -> int:
    """Return a varint of type int32, int64 or enum, which are in two's complement."""
    number = _int(value) & 0xFFFFFFFFFFFFFFFF
    return number - (1 << 64) if number >> 63 else number


def zigzag(value: int | bytes) -> int:
    """Return a varint of type sint32 or sint64."""
    number = _int(value)
    return (number >> 1) ^ -(number & 1)


def text(value: int | bytes) -> str:
    """Return a string; bytes that are no UTF-8 show as escapes."""
    return _bytes(value).decode("utf-8", "backslashreplace")


def blob(value: int | bytes) -> bytes:
    """Return bytes or an embedded message."""
    return _bytes(value)


def number(value: int | bytes) -> float:
    """Return one double or float."""
    data = _bytes(value)
    if len(data) not in _WORDS:
        raise WireError(f"A number of {len(data)} bytes is not read here.")
    return float(_WORDS[len(data)].unpack(data)[0])


def doubles(value: int | bytes) -> NDArray[np.float64]:
    """Return doubles, packed or single."""
    return _numbers(value, "<f8").astype(np.float64)


def floats(value: int | bytes) -> NDArray[np.float32]:
    """Return floats, packed or single."""
    return _numbers(value, "<f4").astype(np.float32)


def varints(value: int | bytes) -> list[int]:
    """Return varints of type int64, packed or single."""
    if isinstance(value, int):
        return [signed(value)]
    at, found = 0, []
    while at < len(value):
        number, at = _varint(value, at)
        found.append(signed(number))
    return found


def _numbers(value: int | bytes, kind: str) -> NDArray[np.generic]:
    data, size = _bytes(value), int(kind[-1])
    if len(data) % size:
        raise WireError(f"Numbers of {size} bytes cannot fill {len(data)}.")
    return np.frombuffer(data, kind)


def _int(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise WireError("A field that should be a varint is none.")
    return value


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise WireError("A field that should hold bytes is a varint.")
    return value
