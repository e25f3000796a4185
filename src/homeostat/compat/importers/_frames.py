"""Checked frames in a file: W&B's transaction log and TensorBoard's event files.

Both are read to their last whole record. What is damaged is skipped and told, never guessed at.

W&B uses LevelDB's log (github.com/google/leveldb, doc/log_format.md) with a plain CRC-32:
blocks of 32 KiB; a record is checksum (4), length (2), type (1: full, first, middle, last).
TensorBoard uses TFRecord: length (8), its checksum (4), data, its checksum (4), the checksums
being CRC-32C, rotated by 15 bits and shifted by 0xa282ead8 (tensorflow.org/tutorials/load_data/
tfrecord).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from homeostat.compat.importers._crc32c import crc32c
from homeostat.compat.importers._foreign import Problems

__all__ = ["WANDB_MAGIC", "tensorboard_records", "wandb_records"]

WANDB_MAGIC = b":W&B\xe1\xbe\x00"
_BLOCK = 32 * 1024
_HEADER = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_LENGTH = struct.Struct("<QI")
_CHECK = struct.Struct("<I")
_MOST_BYTES = 1 << 30
_BATCH = 4096


def wandb_records(path: Path, problems: Problems) -> Iterator[bytes]:
    """Give the records of a W&B transaction log."""
    with path.open("rb") as file:
        if file.read(len(WANDB_MAGIC)) != WANDB_MAGIC:
            problems.add(path.name, "is no W&B transaction log")
            return
        file.seek(0)
        parts: list[bytes] | None = None  # of a record that goes on; None between records
        for kind, data in _fragments(file, path.name, problems):
            if kind in {_FULL, _FIRST}:
                if parts is not None:
                    problems.add(path.name, "a record breaks off")
                parts = []
            if parts is None:
                continue  # the rest of a record whose start was damaged
            if not kind:
                parts = None
                continue
            parts.append(data)
            if kind in {_FULL, _LAST}:
                yield b"".join(parts)
                parts = None
        if parts is not None:
            problems.add(path.name, "a record breaks off")


def _fragments(file: BinaryIO, name: str, problems: Problems) -> Iterator[tuple[int, bytes]]:
    """Give the type and the data of each fragment; type 0 where something was damaged."""
    at = len(WANDB_MAGIC)
    while block := file.read(_BLOCK):
        while at + _HEADER.size <= len(block):
            check, size, kind = _HEADER.unpack_from(block, at)
            data = block[at + _HEADER.size : at + _HEADER.size + size]
            if not (check or size or kind):
                break  # the zeroes that fill a block
            if len(data) < size and len(block) < _BLOCK:
                problems.add(name, "the last record breaks off")
                yield 0, b""
                return
            if zlib.crc32(data, zlib.crc32(bytes([kind]))) != check or not _FULL <= kind <= _LAST:
                problems.add(name, "a damaged block; what follows in it was skipped")
                yield 0, b""
                break
            yield kind, data
            at += _HEADER.size + size
        else:
            if len(block) < _BLOCK and at < len(block):
                problems.add(name, "the last record breaks off")
        at = 0


def tensorboard_records(path: Path, problems: Problems) -> Iterator[bytes]:
    """Give the records of an event file; checksums are worked out for many at a time."""
    with path.open("rb") as file:
        while True:
            batch: list[tuple[bytes, int]] = []
            whole = True
            while whole and len(batch) < _BATCH:
                whole = _read_record(file, path.name, problems, batch)
            found = crc32c([data for data, _ in batch])
            for (data, check), got in zip(batch, found, strict=True):
                if _masked(got) == check:
                    yield data
                else:
                    problems.add(path.name, "a record does not match its checksum")
            if not whole:
                return


def _read_record(
    file: BinaryIO, name: str, problems: Problems, batch: list[tuple[bytes, int]]
) -> bool:
    """Add one record and its checksum to the batch; False at the end of what can be read."""
    head = file.read(_LENGTH.size)
    if not head:
        return False
    if len(head) < _LENGTH.size:
        problems.add(name, "the last record breaks off")
        return False
    size, check = _LENGTH.unpack(head)
    if size > _MOST_BYTES or _length_check(head[:8]) != check:
        problems.add(name, "a damaged length; what follows was skipped")
        return False
    data = file.read(size + _CHECK.size)
    if len(data) < size + _CHECK.size:
        problems.add(name, "the last record breaks off")
        return False
    batch.append((data[:size], _CHECK.unpack_from(data, size)[0]))
    return True


@lru_cache(maxsize=1024)
def _length_check(length: bytes) -> int:
    return _masked(crc32c([length])[0])


def _masked(check: int) -> int:
    return ((check >> 15 | check << 17) + 0xA282EAD8) & 0xFFFFFFFF
