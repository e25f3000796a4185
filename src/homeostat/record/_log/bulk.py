"""Reading many frames of a log at a time: a stretch of whole, intact frames as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from homeostat.record._log.crc import LONGEST_BYTES, crc32_of_frames
from homeostat.record._log.frame import FRAME_BYTES, MAX_PAYLOAD_BYTES, Frame

__all__ = ["Frames", "distinct", "gathered", "scan"]

_FEW = 8  # so many frames of a size are summed sooner one by one
Ints = NDArray[np.int64]


@dataclass(slots=True)
class Frames:
    """Whole, intact frames that follow each other in a block.

    Args:
        block: The bytes.
        base: Where in the log the block starts.
        at: Where in the block each frame starts.
        sizes: How long each frame is, its head included.
        kinds: What each is.
    """

    block: bytes
    base: int
    at: Ints
    sizes: Ints
    kinds: NDArray[np.uint8]

    @property
    def end(self) -> int:
        """How many bytes of the block they are."""
        return int(self.at[-1] + self.sizes[-1]) if len(self.at) else 0

    def frame(self, number: int) -> Frame:
        """Return one frame."""
        at, size = int(self.at[number]), int(self.sizes[number])
        payload = self.block[at + FRAME_BYTES : at + size]
        return Frame(self.base + at, int(self.kinds[number]), payload)

    def groups(self, numbers: Ints) -> Iterator[tuple[Ints, NDArray[np.uint8]]]:
        """Yield some of the frames by their size: their numbers, and their bytes as a matrix."""
        sizes = self.sizes[numbers]
        data = np.frombuffer(self.block, np.uint8)
        for size in distinct(sizes):
            group = numbers[sizes == size]
            yield group, gathered(data, self.at[group], size)


def gathered(data: NDArray[np.uint8], at: Ints, size: int) -> NDArray[np.uint8]:
    """Return the stretches of one size that start at ``at``, one a row."""
    first, count = int(at[0]), len(at)
    if int(at[-1]) - first == (count - 1) * size and bool((np.diff(at) == size).all()):
        return data[first : first + count * size].reshape(count, size)
    return np.lib.stride_tricks.sliding_window_view(data, size)[at]


def distinct(numbers: NDArray[np.integer]) -> list[int]:
    """Return the different numbers, in order; mostly there is one."""
    if not len(numbers):
        return []
    if numbers.min() == numbers.max():
        return [int(numbers[0])]
    held = np.sort(numbers)
    return held[np.append(True, held[1:] != held[:-1])].tolist()  # type: ignore[no-any-return]


def scan(block: bytes, base: int) -> Frames:
    """Return the whole, intact frames at the start of a block, up to the first that is not.

    Args:
        block: Bytes of a log.
        base: Where in the log they start, which is where a frame starts.
    """
    data = np.frombuffer(block, np.uint8)
    at, ends = _chain(data)
    frames = Frames(block, base, at, ends - at, data[at + 3])
    good = _intact(frames)
    if not good.all():
        cut = int(good.argmin())
        frames = Frames(block, base, at[:cut], frames.sizes[:cut], frames.kinds[:cut])
    return frames


def _chain(data: NDArray[np.uint8]) -> tuple[Ints, Ints]:
    """Return starts and ends of what looks like frames, each starting where one ends."""
    at = np.flatnonzero(data[: max(len(data) - FRAME_BYTES + 1, 0)] == 0xF5)
    at = at[(data[at + 1] == 0x48) & (data[at + 2] == 0x66)]
    lengths = np.zeros(len(at), np.int64)
    for place in range(4):
        lengths |= data[at + 4 + place].astype(np.int64) << (8 * place)
    ends = at + FRAME_BYTES + lengths
    if not len(at) or at[0] != 0:
        return at[:0], at[:0]
    whole = (ends <= len(data)) & (lengths <= MAX_PAYLOAD_BYTES)
    following = np.append(at[1:], -1)
    simple = whole & (ends == following)
    if simple[:-1].all():
        count = len(at) if whole[-1] else len(at) - 1
        return at[:count], ends[:count]
    return _walk(at, ends, whole)


def _walk(at: Ints, ends: Ints, whole: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Follow the frames one by one: marks stand inside of payloads too."""
    following = np.searchsorted(at, ends).tolist()
    starts, ok, stops = at.tolist(), whole.tolist(), ends.tolist()
    number, taken = 0, []
    while ok[number]:
        taken.append(number)
        after = following[number]
        if after == len(starts) or starts[after] != stops[number]:
            break
        number = after
    return at[taken], ends[taken]


def _intact(frames: Frames) -> NDArray[np.bool_]:
    """Say of each frame whether its checksum is right."""
    good = np.zeros(len(frames.at), np.bool_)
    sizes, count = np.unique(frames.sizes, return_counts=True)
    many = np.isin(frames.sizes, sizes[(count >= _FEW) & (sizes <= LONGEST_BYTES)])
    for group, matrix in frames.groups(np.flatnonzero(many)):
        said = np.ascontiguousarray(matrix[:, 8:FRAME_BYTES]).view("<u4")[:, 0]
        good[group] = crc32_of_frames(matrix, frames.at[group] + frames.base) == said
    block = memoryview(frames.block)
    for number in np.flatnonzero(~many).tolist():
        at, size = int(frames.at[number]), int(frames.sizes[number])
        start = crc32(block[at : at + 8], (frames.base + at) & 0xFFFFFFFF)
        stated = int.from_bytes(block[at + 8 : at + FRAME_BYTES], "little")
        good[number] = crc32(block[at + FRAME_BYTES : at + size], start) == stated
    return good
