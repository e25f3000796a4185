"""The bytes of a log: a header, then frames.

    header   magic 8 bytes | format u32 | crc32 of the 12 bytes before it u32
    frame    mark 3 bytes | kind u8 | length u32 | crc32 u32 | payload of `length` bytes

Numbers are little-endian. A frame's checksum starts from the frame's place in the file and
covers mark, kind, length and payload: a frame that is copied to another place, or stands inside
the payload of another, is no frame.
"""

from __future__ import annotations

import struct
from typing import NamedTuple
from zlib import crc32

from homeostat.core import InputError

__all__ = [
    "FORMAT",
    "FRAME_BYTES",
    "HEADER_BYTES",
    "MARK",
    "MAX_PAYLOAD_BYTES",
    "Frame",
    "claimed_end",
    "decode",
    "encode",
    "format_of",
    "header",
]

FORMAT = 1
HEADER_BYTES = 16
FRAME_BYTES = 12
MAX_PAYLOAD_BYTES = 64 << 20
MARK = b"\xf5Hf"
_MAGIC = b"HSTAT\r\n\x1a"

_HEADER = struct.Struct("<8sI")
_HEAD = struct.Struct("<3sBI")
_CRC = struct.Struct("<I")
_FRAME = struct.Struct("<3sBII")


class Frame(NamedTuple):
    """One frame of a log.

    Args:
        offset: Where it starts in the file.
        kind: What the payload is, 0 to 255; the log gives it no meaning.
        payload: What was appended.
    """

    offset: int
    kind: int
    payload: bytes


def header(version: int = FORMAT) -> bytes:
    """Return the bytes a log starts with."""
    start = _HEADER.pack(_MAGIC, version)
    return start + _CRC.pack(crc32(start))


def format_of(start: bytes) -> int | None:
    """Return the format a header states, or None if it is not an intact header."""
    if len(start) < HEADER_BYTES or header(_HEADER.unpack_from(start)[1]) != start[:HEADER_BYTES]:
        return None
    return int(_HEADER.unpack_from(start)[1])


def encode(kind: int, payload: bytes, offset: int) -> bytes:
    """Return the bytes of a frame that will stand at ``offset``."""
    try:
        head = _HEAD.pack(MARK, kind, len(payload))
    except struct.error as error:
        raise InputError(f"A frame's kind lies in 0 to 255, got {kind!r}.") from error
    return head + _CRC.pack(crc32(payload, crc32(head, offset & 0xFFFFFFFF))) + payload


def decode(block: bytes, at: int, base: int) -> tuple[Frame, int] | None:
    """Read the frame at ``block[at:]``, where the block starts at ``base`` of the file.

    Returns:
        The frame and where the next one starts in the block, or None if there is no whole and
        intact frame.
    """
    start = at + FRAME_BYTES
    if start > len(block):
        return None
    mark, kind, length, crc = _FRAME.unpack_from(block, at)
    end = start + length
    if mark != MARK or end > len(block):
        return None
    payload = block[start:end]
    if crc32(payload, crc32(block[at : at + 8], (base + at) & 0xFFFFFFFF)) != crc:
        return None
    return Frame(base + at, kind, payload), end


def claimed_end(block: bytes, at: int) -> int | None:
    """Return where the frame at ``block[at:]`` says it ends, or None if it is surely none."""
    if at + FRAME_BYTES > len(block):
        return None
    mark, _, length, _ = _FRAME.unpack_from(block, at)
    plausible = mark == MARK and length <= MAX_PAYLOAD_BYTES
    return at + FRAME_BYTES + length if plausible else None
