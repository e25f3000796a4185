"""Sealed logs: the same bytes in a fifth of the room, the points as columns.

The points of each layout are a Parquet file (zstd): steps and times as differences, each in the
smallest integer that holds them, and values as eight columns of bytes, one for each byte of a
double, since bytes of one place are alike (what Parquet calls a byte-stream split). All else of
the log is kept as it is. So the log can be written again byte for byte, checksums included.

The order of a part says which frames follow each other, as runs of three numbers: a layout's
place in the part, or -1 for what is no point; how many points one frame holds, or how many bytes
of the rest; and how often in a row.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from zlib import crc32

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.core import CorruptionError
from homeostat.record._index.tables import Kind
from homeostat.record._log.bulk import Frames, distinct, scan
from homeostat.record._log.crc import LONGEST_BYTES, crc32_of_frames
from homeostat.record._log.frame import FRAME_BYTES, MARK
from homeostat.record._log.seal_format import (
    Facts,
    Layout,
    Place,
    UnsealedError,
    pack_part,
    parts_of,
    read_part,
)

__all__ = [
    "SealedBytes",
    "frames_of",
    "open_part",
    "pack_verbatim",
    "parts_with_points",
    "points_in",
    "raw_points",
    "seal_frames",
]

_POINT_HEAD = 8  # the layout
_DATA = FRAME_BYTES + _POINT_HEAD  # where a frame's first point starts
_COLUMN_BYTES = 300
_ROW_HEAD = 16  # step and time
_FIRSTS = struct.Struct("<qq")  # the first step and time, before a Parquet file
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Groups = list[tuple[Ints, Bytes]]  # numbers of frames of one size, and the frames


def pack_verbatim(offset: int, block: bytes) -> bytes:
    """Write a part that keeps its bytes as they are."""
    return pack_part(offset, len(block), _order(np.array([-1]), np.array([len(block)])), block, [])


def seal_frames(frames: Frames, columns: Mapping[int, int]) -> bytes:
    """Write a part of frames.

    Args:
        frames: The frames, from the start of their block on.
        columns: How many values the points of a layout have; points of others are kept as they are.
    """
    code = np.full(len(frames.at), -1)
    amount = frames.sizes.copy()
    packed: list[tuple[int, int, int, bytes]] = []
    for layout, groups in _by_layout(frames).items():
        width = _ROW_HEAD + 8 * columns.get(layout, -2)
        widths = [matrix.shape[1] - _DATA for _, matrix in groups]
        if width == 0 or any(held == 0 or held % width for held in widths):
            continue
        if sum(matrix.size for _, matrix in groups) < _COLUMN_BYTES * (2 + 8 * columns[layout]):
            continue  # what Parquet says about its columns would be more than what it saves
        for group, matrix in groups:
            code[group] = len(packed)
            amount[group] = (matrix.shape[1] - _DATA) // width
        table = _table(groups, width)
        packed.append((layout, columns[layout], len(table), _to_parquet(table)))
    spans = _spans(frames.at, frames.sizes, code)
    rest = b"".join(frames.block[start:end] for start, end in spans)
    return pack_part(frames.base, frames.end, _order(code, amount), rest, packed)


def points_in(facts: Facts, layout: int, kept: list[int]) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Return steps, times and some of the columns of a layout's points in a part."""
    return _from_parquet(facts, next(one for one in facts.layouts if one.id == layout), kept)


def raw_points(path: Path, number: int, layout: int) -> bytes:
    """Return the points of a layout in a part, as a POINT frame holds them."""
    facts = open_part(path, number)
    about = next(one for one in facts.layouts if one.id == layout)
    return _rows_of(facts, about).tobytes()


def parts_with_points(path: Path) -> dict[int, tuple[int, set[int]]]:
    """Return the parts with points in columns: by where each starts, its number and layouts."""
    found: dict[int, tuple[int, set[int]]] = {}
    for number, place in enumerate(parts_of(path)):
        facts = read_part(path, place)
        if facts is not None and facts.layouts:
            found[place.offset] = number, {layout.id for layout in facts.layouts}
    return found


def frames_of(path: Path, number: int) -> Frames:
    """Return the frames of a part."""
    facts = open_part(path, number)
    return scan(_written_again(facts), facts.place.offset)


def open_part(path: Path, number: int) -> Facts:
    """Read a part.

    Raises:
        UnsealedError: If the log is no longer sealed.
        CorruptionError: If the part went bad.
    """
    try:
        facts = read_part(path, parts_of(path)[number])
    except FileNotFoundError as error:
        raise UnsealedError(f"The log {path} is no longer sealed.") from error
    if facts is None:
        raise CorruptionError(
            f"Part {number} of {path} went bad: restore the file from a copy, or go on without "
            "what it held by `homeostat record rebuild`."
        )
    return facts


class SealedBytes:
    """The bytes of a log that is sealed, part by part; a part gone bad reads as zeros.

    Args:
        path: The sealed file.

    Raises:
        CorruptionError: If it is no sealed log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts = parts_of(path)
        self._starts = [part.offset for part in self._parts]
        self._block: tuple[int, bytes] = (-1, b"")

    def size(self) -> int:
        """Return how many bytes the log has."""
        return self._parts[-1].offset + self._parts[-1].size

    def read(self, count: int, offset: int) -> bytes:
        """Return bytes from an offset on; fewer at the end of the log."""
        found: list[bytes] = []
        number = int(np.searchsorted(self._starts, offset, side="right")) - 1
        while count > 0 and number < len(self._parts):
            start = offset - self._parts[number].offset
            piece = self._part(number)[start : start + count]
            found.append(piece)
            count, offset, number = count - len(piece), offset + len(piece), number + 1
        return found[0] if len(found) == 1 else b"".join(found)

    def _part(self, number: int) -> bytes:
        if self._block[0] != number:
            self._block = number, _restored(self._path, self._parts[number])
        return self._block[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._block = (-1, b"")


def _restored(path: Path, place: Place) -> bytes:
    """Return the bytes of the log that a part stands for."""
    facts = read_part(path, place)
    return bytes(place.size) if facts is None else _written_again(facts)


def _written_again(facts: Facts) -> bytes:
    code, amount = _unpacked(facts.order)
    sizes = _sizes(facts, code, amount)
    if int(sizes.sum()) != facts.place.size:
        raise CorruptionError("A part of a sealed log has another size than it says.")
    at = np.cumsum(sizes) - sizes
    out = np.zeros(facts.place.size, np.uint8)
    _put_rest(out, facts.rest, at, sizes, code)
    for place, layout in enumerate(facts.layouts):
        mine = code == place
        _put_points(out, facts, layout, at[mine], amount[mine])
    return out.tobytes()


def _put_rest(out: Bytes, rest: bytes, at: Ints, sizes: Ints, code: Ints) -> None:
    data, done = np.frombuffer(rest, np.uint8), 0
    for start, end in _spans(at, sizes, code):
        out[start:end] = data[done : done + end - start]
        done += end - start


def _spans(at: Ints, sizes: Ints, code: Ints) -> Iterator[tuple[int, int]]:
    """Yield where what is no point starts and ends; neighbours as one."""
    other = np.flatnonzero(code < 0)
    for group in np.split(other, np.flatnonzero(np.diff(other) != 1) + 1):
        if len(group):
            yield int(at[group[0]]), int(at[group[-1]] + sizes[group[-1]])


def _put_points(out: Bytes, facts: Facts, layout: Layout, at: Ints, amount: Ints) -> None:
    table = _rows_of(facts, layout)
    firsts = np.cumsum(amount) - amount
    for rows in distinct(amount):
        group = amount == rows
        held = table[(firsts[group][:, None] + np.arange(rows)).ravel()].reshape(group.sum(), -1)
        size = _DATA + held.shape[1] * 8
        matrix = np.empty((len(held), size), np.uint8)
        head = MARK + bytes([Kind.POINT]) + (size - FRAME_BYTES).to_bytes(4, "little")
        matrix[:, :8] = np.frombuffer(head, np.uint8)
        matrix[:, FRAME_BYTES:_DATA] = np.frombuffer(
            layout.id.to_bytes(8, "little", signed=True), np.uint8
        )
        matrix[:, _DATA:] = held.view(np.uint8)
        sums = _checksums(matrix, at[group] + facts.place.offset)
        matrix[:, 8:12] = sums.astype("<u4").view(np.uint8).reshape(-1, 4)
        _scatter(out, at[group], matrix)


def _rows_of(facts: Facts, layout: Layout) -> Ints:
    """Return points, one a row: step, time, values."""
    steps, times, values = _from_parquet(facts, layout, None)
    table = np.empty((len(steps), 2 + layout.columns), "<i8")
    table[:, 0], table[:, 1], table[:, 2:] = steps, times, values.view("<i8")
    return table


def _checksums(matrix: Bytes, offsets: Ints) -> NDArray[np.uint32]:
    if matrix.shape[1] <= LONGEST_BYTES:
        return crc32_of_frames(matrix, offsets)
    sums = [
        crc32(row[12:].tobytes(), crc32(row[:8].tobytes(), int(offset) & 0xFFFFFFFF))
        for row, offset in zip(matrix, offsets, strict=True)
    ]
    return np.array(sums, np.uint32)


def _scatter(out: Bytes, at: Ints, matrix: Bytes) -> None:
    count, size = matrix.shape
    first = int(at[0])
    if int(at[-1]) - first == (count - 1) * size and bool((np.diff(at) == size).all()):
        out[first : first + count * size] = matrix.ravel()
        return
    np.lib.stride_tricks.sliding_window_view(out, size, writeable=True)[at] = matrix


def _by_layout(frames: Frames) -> dict[int, Groups]:
    """Return the frames that hold points: by layout, numbers and bytes of each size."""
    found: dict[int, Groups] = {}
    for group, matrix in frames.groups(np.flatnonzero(frames.kinds == Kind.POINT)):
        if matrix.shape[1] < _DATA:
            continue
        ids = np.ascontiguousarray(matrix[:, FRAME_BYTES:_DATA]).view("<i8")[:, 0]
        for id_ in distinct(ids):
            mine = ids == id_
            found.setdefault(id_, []).append((group[mine], matrix[mine]))
    return found


def _table(groups: Groups, width: int) -> Ints:
    """Return points, one a row, in the order of their frames."""
    if len(groups) == 1:
        return np.ascontiguousarray(groups[0][1][:, _DATA:]).reshape(-1, width).view("<i8")
    numbers = np.concatenate([group for group, _ in groups])
    held = [row[_DATA:].reshape(-1, width) for _, matrix in groups for row in matrix]
    table = np.concatenate([held[i] for i in np.argsort(numbers, kind="stable")])
    return np.ascontiguousarray(table).view("<i8")


def _order(code: Ints, amount: Ints) -> bytes:
    new = np.flatnonzero(np.append(True, (np.diff(code) != 0) | (np.diff(amount) != 0)))
    repeat = np.diff(np.append(new, len(code)))
    runs = np.stack([code[new], amount[new], repeat]).astype("<i8")
    return zlib.compress(runs.tobytes(), 1)


def _unpacked(order: bytes) -> tuple[Ints, Ints]:
    code, amount, repeat = np.frombuffer(zlib.decompress(order), "<i8").reshape(3, -1)
    return np.repeat(code, repeat), np.repeat(amount, repeat)


def _sizes(facts: Facts, code: Ints, amount: Ints) -> Ints:
    widths = np.array([_ROW_HEAD + 8 * layout.columns for layout in facts.layouts] + [0])
    return np.where(code < 0, amount, _DATA + amount * widths[code])


def _to_parquet(table: Ints) -> bytes:
    columns: dict[str, NDArray[np.generic]] = {}
    for place, name in enumerate(("step", "time")):
        columns[name] = _narrow(np.diff(table[:, place]))
    for place in range(2, table.shape[1]):
        planes = np.ascontiguousarray(table[:, place]).view(np.uint8).reshape(-1, 8).T
        columns |= {f"{place - 2}.{byte}": np.ascontiguousarray(planes[byte]) for byte in range(8)}
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file, compression="zstd", statistics=False)
    return _FIRSTS.pack(int(table[0, 0]), int(table[0, 1])) + file.getvalue()


def _narrow(gaps: Ints) -> NDArray[np.generic]:
    """Return differences, after a zero for the first, as the smallest integers that hold them."""
    low, high = (int(gaps.min()), int(gaps.max())) if len(gaps) else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return np.append(0, gaps).astype(kind)
    return np.append(0, gaps)


def _from_parquet(
    facts: Facts, about: Layout, names: list[int] | None
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    wanted = list(range(about.columns)) if names is None else names
    file = facts.payload[about.start : about.start + about.length]
    columns = ["step", "time", *(f"{name}.{byte}" for name in wanted for byte in range(8))]
    frame = pl.read_parquet(io.BytesIO(file[_FIRSTS.size :]), columns=columns)
    steps, times = (
        np.cumsum(frame[name].to_numpy().astype(np.int64)) + first
        for name, first in zip(("step", "time"), _FIRSTS.unpack_from(file), strict=True)
    )
    planes = np.empty((about.points, 8), np.uint8)
    values = np.empty((about.points, len(wanted)))
    for place, name in enumerate(wanted):
        for byte in range(8):
            planes[:, byte] = frame[f"{name}.{byte}"].to_numpy()
        values[:, place] = planes.view("<f8")[:, 0]
    return steps, times, values
