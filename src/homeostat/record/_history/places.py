"""Where in a log the points of a series stand: runs of frames that are evenly spaced."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Gathering", "unpack_places"]

_RUN = struct.Struct("<qqqq")


class Gathering:
    """Points of one layout in one log, in the order of their frames."""

    def __init__(self) -> None:
        self.first = -1
        self._points: list[bytes] = []
        self._places: list[bytes] = []
        self._offsets: list[int] = []
        self._length = 0

    def add(self, offset: int, points: bytes) -> None:
        """Take in the points of one frame."""
        if len(points) != self._length:
            self._flush()
            self._length = len(points)
        self.first = offset if self.first < 0 else self.first
        self._offsets.append(offset)
        self._points.append(points)

    def add_many(self, offsets: NDArray[np.int64], length: int, points: bytes) -> None:
        """Take in the points of many frames, each of ``length`` bytes."""
        self._flush()
        self.first = int(offsets[0]) if self.first < 0 else self.first
        self._places.append(_packed_many(offsets, length))
        self._points.append(points)

    def packed(self) -> tuple[bytes, bytes]:
        """Return where the frames start, and the points."""
        self._flush()
        return b"".join(self._places), b"".join(self._points)

    def _flush(self) -> None:
        if self._offsets:
            self._places.append(_packed(self._offsets, self._length))
            self._offsets = []


def _packed(offsets: Sequence[int], length: int) -> bytes:
    """Write where frames that hold ``length`` bytes of points each start.

    Evenly spaced frames are one run of 32 bytes.
    """
    runs: list[bytes] = []
    first, stride, count = offsets[0], 0, 1
    for offset in offsets[1:]:
        if count == 1:
            stride = offset - first
        if offset == first + stride * count:
            count += 1
            continue
        runs.append(_RUN.pack(first, stride, count, length))
        first, stride, count = offset, 0, 1
    return b"".join([*runs, _RUN.pack(first, stride, count, length)])


def _packed_many(offsets: NDArray[np.int64], length: int) -> bytes:
    """Write the same, of many frames, mostly evenly spaced."""
    import numpy as np  # noqa: PLC0415 - the writing side of a record does without

    gaps = np.diff(offsets)
    ends = np.append(np.flatnonzero(gaps[1:] != gaps[:-1]) + 2, len(offsets)).tolist()
    runs, start = [], 0
    for end in ends:  # a run goes on up to where the gap after its first frame changes
        if end > start:
            count = end - start
            stride = int(gaps[start]) if count > 1 else 0
            runs.append(_RUN.pack(int(offsets[start]), stride, count, length))
            start = end
    return b"".join(runs)


def unpack_places(raw: bytes, row_bytes: int) -> NDArray[np.int64]:
    """Return for each point where its frame starts.

    Args:
        raw: What a :class:`Gathering` packed.
        row_bytes: How many bytes a point has.
    """
    import numpy as np  # noqa: PLC0415 - the writing side of a record does without

    first, stride, count, length = np.frombuffer(raw, "<i8").reshape(-1, 4).T
    ends = np.cumsum(count)
    within = np.arange(int(ends[-1])) - np.repeat(ends - count, count)
    offsets = np.repeat(first, count) + np.repeat(stride, count) * within
    return np.repeat(offsets, np.repeat(length // row_bytes, count))
