"""The next step of a run, also where several processes write it."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Steps"]

_BYTES = 24
_SHARED, _OWNER, _OTHERS = range(3)


class Steps:
    """Hands out the steps of one run, each of them once.

    While the run's own process is alone, a step is a number in its memory. As soon as another
    one (forked, or attached) asks, a flag in a small mapped file says so, and from then on all of
    them ask under a lock of that file. A process that joins leaves out one step: the one the
    owner may be writing at that very moment.

    Args:
        record: The record's folder, where the file is; None for no file.
        run: The run's id.
        start: The first step that is free.
        owner: Whether this is the run's own process.
    """

    def __init__(self, record: Path | None, run: str, start: int, *, owner: bool) -> None:
        self.path = (
            None
            if record is None
            else record / "steps" / hashlib.sha256(run.encode()).hexdigest()[:32]
        )
        self._file: int | None = None
        self._owner = owner
        memory = self._open(new=owner) or mmap.mmap(-1, _BYTES)
        self.view = memoryview(memory).cast("q")
        """The flag, the owner's next step, and the others'."""
        if owner:
            self.view[_SHARED] = 0
            self.view[_OWNER] = self.view[_OTHERS] = start
        else:
            self.view[_OTHERS] = max(self.view[_OTHERS], start)
            self.join()

    @property
    def shared(self) -> bool:
        """Whether more than one process has asked."""
        return bool(self.view[_SHARED])

    @property
    def next(self) -> int:
        """The step that is open now."""
        if self.shared:
            return max(self.view[_OWNER], self.view[_OTHERS])
        return self.view[_OWNER]

    def join(self) -> None:
        """Make known that one more process asks for steps."""
        self._owner = False
        self.view[_SHARED] = 1

    def take(self, least: int = 0) -> int:
        """Take the next step, of at least ``least``, for this process alone."""
        with self._alone():
            first = self.view[_OWNER] if self._owner else self.view[_OWNER] + 1
            step = max(first, self.view[_OTHERS], least)
            self.view[_OTHERS] = step + 1
            if self._owner:
                self.view[_OWNER] = step + 1
        return step

    def reach(self, step: int) -> None:
        """Have the next step be at least this one."""
        place = _OWNER if self._owner else _OTHERS
        self.view[place] = max(self.view[place], step)

    def close(self) -> None:
        """Forget the file; the owner's end removes it."""
        if self._owner and self.path is not None:
            with suppress(OSError):
                self.path.unlink()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, *, new: bool) -> mmap.mmap | None:
        if self.path is None:
            return None
        try:
            self.path.parent.mkdir(exist_ok=True)
            if new:  # not emptied: a worker that outlived a crash may still have it mapped
                self.path.unlink(missing_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if os.fstat(self._file).st_size < _BYTES:
                os.posix_fallocate(self._file, 0, _BYTES)  # a mapped hole on a full disk kills
            return mmap.mmap(self._file, _BYTES)
        except (OSError, ValueError):  # a read-only or full disk: forked children still share
            return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._file is None:
            yield
            return
        fcntl.lockf(self._file, fcntl.LOCK_EX)  # of this process, also against its own children
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
