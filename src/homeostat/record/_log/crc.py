"""CRC-32 of many frames of one size at a time.

A CRC is linear over GF(2): that of a message is the exclusive or of what each byte gives by
itself, which depends only on the byte and on how far it stands from the end. So the sums of many
messages of one length are one table look-up a byte place, over all messages at once; the start
value counts as if it were mixed into the first four bytes. (R. N. Williams, A Painless Guide to
CRC Error Detection Algorithms, 1993, sections 9 and 10.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST_BYTES", "crc32_of_frames"]

LONGEST_BYTES = 1024
"""Frames longer than that are summed sooner one by one."""

_POLYNOMIAL = 0xEDB88320
_HEAD_BYTES = 8  # before the checksum
_PAYLOAD = 12
_tables: list[NDArray[np.uint32]] = []  # by distance from the end of the message


def crc32_of_frames(frames: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the checksums that frames should have.

    Args:
        frames: Shape (n, size): whole frames, whatever their own checksums say.
        offsets: Shape (n,): where each starts in its log.

    Returns:
        Shape (n,).
    """
    size = frames.shape[1]
    tables = _tables_for(size - (_PAYLOAD - _HEAD_BYTES))
    start = ~(offsets & 0xFFFFFFFF).astype(np.uint32)
    total = np.full(len(frames), 0xFFFFFFFF, np.uint32)
    places = [*range(_HEAD_BYTES), *range(_PAYLOAD, size)]
    for distance, place in enumerate(reversed(places)):
        column = frames[:, place]
        if place < 4:
            column = column ^ (start >> np.uint32(8 * place)).astype(np.uint8)
        total ^= tables[distance].take(column)
    return total


def _tables_for(length: int) -> list[NDArray[np.uint32]]:
    if not _tables:
        table = np.arange(256, dtype=np.uint32)
        for _ in range(8):
            odd = (table & np.uint32(1)) * np.uint32(_POLYNOMIAL)
            table = (table >> np.uint32(1)) ^ odd
        _tables.append(table)
    while len(_tables) < length:
        last = _tables[-1]
        _tables.append((last >> np.uint32(8)) ^ _tables[0].take(last & np.uint32(0xFF)))
    return _tables
