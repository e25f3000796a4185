"""Locks that the processes which share a record take: one at a time, or many together."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeostat.core import StorageError

__all__ = ["alone", "together"]


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` for the block; a process that dies lets go of it.

    Raises:
        StorageError: If the lock file cannot be opened for writing.
    """
    with _held(path, fcntl.LOCK_EX):
        yield


@contextmanager
def together(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` with any number of others, none of which holds it alone."""
    with _held(path, fcntl.LOCK_SH):
        yield


@contextmanager
def _held(path: Path, how: int) -> Iterator[None]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(
            f"The record in {path.parent} cannot be written: {error.strerror}. "
            "Make the folder writable."
        ) from error
    try:
        fcntl.flock(file, how)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a child forked meanwhile has the file open too
    finally:
        os.close(file)
