"""The file of a sealed log: the frames of a log again, each of them a part of what it was.

    part   offset u64 | size u64 | length of the facts u32 | facts, JSON | order | rest | points

``offset`` and ``size`` say which bytes of the log the part stands for. The facts name the lengths
of what follows: the order of the frames, the frames that are no points as they were, and for each
layout its points as a Parquet file.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import NamedTuple

from homeostat.core import CorruptionError, HomeostatError
from homeostat.record._log.frame import FRAME_BYTES, HEADER_BYTES, claimed_end, decode, header

__all__ = [
    "PART",
    "Facts",
    "Layout",
    "Place",
    "UnsealedError",
    "pack_part",
    "parts_of",
    "read_part",
    "sealed_size",
]

PART = 1
_START = struct.Struct("<QQI")


class UnsealedError(HomeostatError):
    """A log is no longer sealed; whoever was about to read a part of it looks anew."""


class Place(NamedTuple):
    """Where in a sealed file a part stands, and which bytes of the log it is.

    Args:
        offset: Where the bytes start in the log.
        size: How many bytes of the log.
        at: Where the part's frame starts in the sealed file.
        length: How long that frame is.
    """

    offset: int
    size: int
    at: int
    length: int


class Layout(NamedTuple):
    """The points of one layout in a part.

    Args:
        id: Of the layout.
        columns: How many values a point has.
        points: How many points.
        start: Where their Parquet file starts in the part.
        length: How long it is.
    """

    id: int
    columns: int
    points: int
    start: int
    length: int


class Facts(NamedTuple):
    """A part, taken apart.

    Args:
        place: Where it is from.
        payload: The part.
        order: Its frames in turn, as runs; see `_sealed`.
        rest: The frames that are no points.
        layouts: The points.
    """

    place: Place
    payload: bytes
    order: bytes
    rest: bytes
    layouts: list[Layout]


def pack_part(
    offset: int, size: int, order: bytes, rest: bytes, layouts: list[tuple[int, int, int, bytes]]
) -> bytes:
    """Write a part; the layouts are id, columns, points, and a Parquet file."""
    said = {
        "order": len(order),
        "rest": len(rest),
        "layouts": [[*about, len(file)] for *about, file in layouts],
    }
    facts = json.dumps(said, separators=(",", ":")).encode()
    start = _START.pack(offset, size, len(facts))
    return b"".join([start, facts, order, rest, *(file for *_, file in layouts)])


def parts_of(path: Path) -> list[Place]:
    """Return the parts of a sealed file, by the heads of their frames alone.

    Raises:
        CorruptionError: If the file is not what was written.
    """
    found: list[Place] = []
    with path.open("rb", buffering=0) as file:
        number, end = file.fileno(), os.fstat(file.fileno()).st_size
        at = HEADER_BYTES if os.pread(number, HEADER_BYTES, 0) == header() else end + 1
        while at < end:
            head = os.pread(number, FRAME_BYTES + _START.size, at)
            length = claimed_end(head, 0)
            if length is None or len(head) < FRAME_BYTES + _START.size:
                break
            offset, size, _ = _START.unpack_from(head, FRAME_BYTES)
            if offset != (found[-1].offset + found[-1].size if found else 0):
                break
            found.append(Place(offset, size, at, length))
            at += length
    if at != end or not found:
        raise CorruptionError(
            f"The sealed log {path} is not what was written: restore it from a copy."
        )
    return found


def read_part(path: Path, place: Place) -> Facts | None:
    """Read one part; None if it went bad."""
    with path.open("rb", buffering=0) as file:
        block = os.pread(file.fileno(), place.length, place.at)
    found = decode(block, 0, place.at)
    if found is None:
        return None
    payload = found[0].payload
    facts_end = _START.size + _START.unpack_from(payload)[2]
    facts = json.loads(payload[_START.size : facts_end])
    rest = facts_end + facts["order"]
    start = int(rest + facts["rest"])
    layouts = []
    for id_, columns, points, length in facts["layouts"]:
        layouts.append(Layout(id_, columns, points, start, length))
        start += length
    held = payload[rest : rest + facts["rest"]]
    return Facts(place, payload, payload[facts_end:rest], held, layouts)


def sealed_size(path: Path) -> int:
    """Return how many bytes the log had that a file is the sealed form of."""
    last = parts_of(path)[-1]
    return last.offset + last.size
