"""CRC-32C (Castagnoli, RFC 3720 appendix B.4) of many records at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["crc32c"]

_POLYNOMIAL = 0x82F63B78
_FEW = 16  # below so many records of one length a plain loop is quicker


def _table() -> NDArray[np.uint32]:
    entries = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        entries = np.where(entries & 1, entries >> 1 ^ np.uint32(_POLYNOMIAL), entries >> 1)
    return entries.astype(np.uint32)


_TABLE = _table()
_PLAIN = tuple(_TABLE.tolist())


def crc32c(records: Sequence[bytes]) -> list[int]:
    """Return the checksum of each record.

    Records of one length are taken together, byte by byte of all: O(length) array operations.

    Example:
        >>> [hex(check) for check in crc32c([b"123456789"])]
        ['0xe3069283']
    """
    by_size: dict[int, list[int]] = {}
    for index, record in enumerate(records):
        by_size.setdefault(len(record), []).append(index)
    found = [0] * len(records)
    for size, indexes in by_size.items():
        if len(indexes) < _FEW:
            for index in indexes:
                found[index] = _one(records[index])
            continue
        joined = b"".join(records[index] for index in indexes)
        bytes_ = np.frombuffer(joined, np.uint8).reshape(len(indexes), size)
        for index, check in zip(indexes, _many(bytes_), strict=True):
            found[index] = check
    return found


def _one(record: bytes) -> int:
    table, check = _PLAIN, 0xFFFFFFFF
    for byte in record:
        check = table[(check ^ byte) & 0xFF] ^ check >> 8
    return check ^ 0xFFFFFFFF


def _many(records: NDArray[np.uint8]) -> list[int]:
    checks = np.full(len(records), 0xFFFFFFFF, np.uint32)
    for column in np.ascontiguousarray(records.T):  # (length, records)
        checks = _TABLE[(checks ^ column) & 0xFF] ^ checks >> np.uint32(8)
    return list((checks ^ np.uint32(0xFFFFFFFF)).tolist())
