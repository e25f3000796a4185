"""A file while it is being written, before it gets its name."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from homeostat.core import InputError
from homeostat.record._copy import copy_file

__all__ = ["draft_file", "is_abandoned"]

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextmanager
def draft_file(
    place: Path, content: bytes | Path | Iterable[bytes], *, durable: bool = False
) -> Iterator[Path]:
    """Write a content to a file beside ``place``; for the block, which may rename it.

    Whoever writes a draft holds a lock on it, so that the draft of a process that died can be
    told from one that grows. What the block leaves is removed.

    Raises:
        OSError: If the disk refuses.
        InputError: If a file to copy cannot be read.
    """
    draft, file = _new(place)
    try:
        try:
            _fill(file, content)
            if durable:
                os.fsync(file)
            yield draft
        finally:
            os.close(file)
    finally:
        with suppress(OSError):
            draft.unlink()


def is_abandoned(draft: Path) -> bool:
    """Say whether nobody writes this draft any more."""
    try:
        file = os.open(draft, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _new(place: Path) -> tuple[Path, int]:
    # The name is cut where it would grow past what file systems take.
    start = os.fsdecode(os.fsencode(place.name)[:200])
    while True:
        draft = place.with_name(f"{start}.{os.getpid()}-{os.urandom(4).hex()}")
        file = os.open(draft, _NEW, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except BaseException:
            os.close(file)
            raise
        if os.fstat(file).st_nlink:  # else it was taken for abandoned before it was locked
            return draft, file
        os.close(file)


def _fill(file: int, content: bytes | Path | Iterable[bytes]) -> None:
    if not isinstance(content, Path):
        for chunk in [content] if isinstance(content, bytes) else content:
            view = memoryview(chunk)
            while view:
                view = view[os.write(file, view) :]
        return
    try:
        source = os.open(content, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"The file {content} cannot be read: {error.strerror}.") from error
    try:
        copy_file(source, file)
    finally:
        os.close(source)
