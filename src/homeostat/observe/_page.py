"""Page: the memory in which one process counts, laid out so that others may read it meanwhile."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from homeostat.core import CorruptionError
from homeostat.observe._bucket import SIZE

__all__ = ["CAPACITY", "CELLS", "Kind", "Page", "Place", "Series", "header", "read_page"]

CAPACITY = 1 << 26  # addresses, not memory: what no series uses is never touched
_MAGIC = b"HSOBSRV1"
_USED = 1  # the header's cells: magic, bytes in use, process id, start
_HEADER = 64
_RECORD = struct.Struct("<IIII")  # length, kind, where the cells begin, length of the text


class Kind(IntEnum):
    """What a series is."""

    COUNT = 1  # cells: how many (int)
    GAUGE = 2  # cells: value (float), when it was set in ns (int), how often (int)
    TIMES = 3  # cells: failed, refused (int), sum, least, largest (float), buckets (int)
    NOTE = 4  # no cells: a text of the folder's own


CELLS = {Kind.COUNT: 1, Kind.GAUGE: 3, Kind.TIMES: 5 + SIZE, Kind.NOTE: 0}


@dataclass(frozen=True, slots=True)
class Series:
    """What is counted, with its labels.

    Args:
        kind: What it is.
        name: As the user wrote it.
        labels: Pairs of name and value, sorted.
        unit: Such as ``"seconds"``.
        over: How a gauge adds up over processes.
    """

    kind: Kind
    name: str
    labels: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    over: str = ""

    def to_bytes(self) -> bytes:
        """Return all but the kind as JSON."""
        return json.dumps([self.name, self.labels, self.unit, self.over]).encode()

    @classmethod
    def from_bytes(cls, kind: int, text: bytes) -> Series:
        """Rebuild it; ValueError if there is no such kind or the text is broken."""
        name, labels, unit, over = json.loads(text)
        return cls(Kind(kind), name, tuple((key, value) for key, value in labels), unit, over)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a series has its cells in a page that is read.

    Args:
        series: Which.
        ints: The cells as whole numbers.
        floats: The same cells as floats.
    """

    series: Series
    ints: memoryview
    floats: memoryview


class Page:
    """A page that this process writes: cells of 8 bytes, as integers and as floats.

    The place of a series is reserved on the disk before it is touched, so that a full disk is an
    error here and not the end of the process (SIGBUS) at a later count.

    Args:
        file: The file to map, open for reading and writing; None is memory of this process.
        guard: The same file opened once more, locked: closing it lets go of the page.
        process: Its id.
        start_ns: When it began to count.

    Raises:
        OSError: If the disk is full.
    """

    def __init__(
        self,
        file: int | None = None,
        *,
        guard: int | None = None,
        process: int = 0,
        start_ns: int = 0,
    ) -> None:
        self._file, self._guard = file, guard
        if file is None:
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            self._map = mmap.mmap(-1, CAPACITY, flags=flags)
        else:
            os.ftruncate(file, CAPACITY)  # what is mapped must be there at first
            self._map = mmap.mmap(file, CAPACITY)
            os.ftruncate(file, 0)
            os.posix_fallocate(file, 0, _HEADER)
        self._bytes = memoryview(self._map)
        self.ints, self.floats = self._bytes.cast("q"), self._bytes.cast("d")
        self._map[:8] = _MAGIC
        self.ints[_USED], self.ints[2], self.ints[3] = _HEADER, process, start_ns

    def allot(self, series: Series) -> int:
        """Give a series its cells, all zero, and return the index of the first.

        Raises:
            OSError: If the disk is full.
            OverflowError: If the page is.
        """
        text, start = series.to_bytes(), self.ints[_USED]
        cells = -(-(_RECORD.size + len(text)) // 8) * 8
        length = cells + 8 * CELLS[series.kind]
        if start + length > CAPACITY:
            raise OverflowError
        if self._file is not None:
            os.posix_fallocate(self._file, start, length)
        _RECORD.pack_into(self._map, start, length, series.kind, cells, len(text))
        self._map[start + _RECORD.size : start + _RECORD.size + len(text)] = text
        at = (start + cells) // 8
        if series.kind is Kind.TIMES:
            self.floats[at + 3], self.floats[at + 4] = float("inf"), float("-inf")
        self.ints[_USED] = start + length  # last: a reader sees a whole series or none
        return at

    def content(self) -> memoryview:
        """Return the memory that is in use."""
        return self._bytes[: self.ints[_USED]]

    def retire(self) -> None:
        """Let go of the file: it counts as that of a dead process; the memory can still be read."""
        for file in (self._file, self._guard):
            if file is not None:
                os.close(file)
        self._file = self._guard = None

    def close(self) -> None:
        """Let go of the memory and the file; a view that someone still reads keeps the memory."""
        with contextlib.suppress(BufferError):
            for view in (self.ints, self.floats, self._bytes):
                view.release()
            self._map.close()
        self.retire()


def read_page(content: memoryview | bytes) -> Iterator[Place]:
    """Yield each series of a page; the process that owns it may count on meanwhile.

    Raises:
        CorruptionError: If it is no page, or a broken one.
    """
    view: Any = memoryview(content)
    if len(view) < _HEADER or bytes(view[:8]) != _MAGIC:
        raise CorruptionError("This is no page of counts: it does not begin as one.")
    used, start = min(struct.unpack_from("<q", view, 8)[0], len(view)), _HEADER
    while start < used:
        length, kind, cells, size = _RECORD.unpack_from(view, start)
        if length < _RECORD.size or length % 8 or start + length > used:
            raise CorruptionError("A page of counts is broken: a series reaches past its end.")
        text = bytes(view[start + _RECORD.size : start + _RECORD.size + size])
        body = view[start + cells : start + length]
        try:
            series = Series.from_bytes(kind, text)
        except ValueError as error:
            raise CorruptionError(f"A page of counts is broken: {error}.") from error
        yield Place(series, body.cast("q"), body.cast("d"))
        start += length


def header(content: memoryview | bytes) -> tuple[int, int]:
    """Return the process that wrote a page, and when it began to, in ns."""
    process, start_ns = struct.unpack_from("<qq", content, 16)
    return process, start_ns
