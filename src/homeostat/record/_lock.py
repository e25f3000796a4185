"""A lock that the processes which share a record take in turn."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeostat.core import StorageError

__all__ = ["alone"]


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` for the block; a process that dies lets go of it.

    Raises:
        StorageError: If the lock file cannot be opened for writing.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(
            f"The record in {path.parent} cannot be written: {error.strerror}. "
            "Make the folder writable."
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
