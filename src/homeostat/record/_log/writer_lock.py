"""The lock that tells whether a process still has a log open to write it.

It is one of an open file (F_OFD_SETLK), so it is there as long as any process has the file open
that the writer opened, forked children included, and it is gone with the last of them.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["alone_with", "hold_as_writer"]

_WHOLE = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def hold_as_writer(file: int) -> None:
    """Say that this process writes a file, until it closes it."""
    with suppress(OSError, AttributeError):  # where there are no such locks nothing is sealed
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _WHOLE)


@contextmanager
def alone_with(path: Path) -> Iterator[int | None]:
    """Open a log that nobody else has open to write it, and keep it so; None if somebody has."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield file if _taken(file) else None
    finally:
        os.close(file)


def _taken(file: int) -> bool:
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _WHOLE)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever takes in logs from elsewhere
    except (OSError, AttributeError):
        return False
    return os.fstat(file).st_nlink > 0
