"""The folder of logs, as whoever takes in another's logs sees it."""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from homeostat.core import InputError, NotFoundError, RecordError, StorageError
from homeostat.record import (
    Frame,
    log_sizes,
    open_log,
    read_bytes,
    read_log,
    read_stretch,
    sealed_path,
)

__all__ = ["ConflictError", "DamageError", "GapError", "Shelf", "checked_log"]

_NAME = re.compile(r"[0-9a-z][0-9a-z._-]{0,119}\.log")
_READ_BYTES = 1 << 20

Admit = Callable[[list[Frame]], AbstractContextManager[None]]


class GapError(RecordError):
    """Bytes were sent that do not follow on those that are there.

    Args:
        message: The sentence.
        size: Where the next bytes must start.
    """

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class ConflictError(RecordError):
    """Bytes were sent that differ from those that are there."""


class DamageError(InputError):
    """Bytes were sent that are no intact frames.

    Args:
        message: The sentence.
        at: Where in the log they start.
    """

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def checked_log(name: str) -> str:
    """Return the name of a log; refuse what could lead out of the folder."""
    if not _NAME.fullmatch(name):
        raise InputError(f"A log is named like `0k3fs...log`, got {name[:200]!r}.")
    return name


def _welcome(frames: list[Frame]) -> AbstractContextManager[None]:  # noqa: ARG001 - the seam
    return nullcontext()


class Shelf:
    """Takes in logs, each by stretches at the offset where it ends.

    Any number of threads and processes may do so at once: a log is locked while it grows. A
    process that dies while it writes leaves a torn end, which the next stretch replaces.

    Args:
        folder: Where the logs are; made with the first.
        durable: Whether :meth:`append` waits until the bytes are on the disk.
        admit: Entered with the new frames before they are written, left when they are.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from homeostat.record import EventLog
        >>> with TemporaryDirectory() as ours, TemporaryDirectory() as theirs:
        ...     with EventLog(ours) as log:
        ...         end = log.append(1, b"payload")
        ...         shelf, data = Shelf(Path(theirs)), log.path.read_bytes()
        ...         sizes = [shelf.append(log.path.name, 0, data) for _ in range(2)]
        >>> sizes == [len(data)] * 2
        True
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = False,
        admit: Admit = _welcome,
    ) -> None:
        self.folder = folder
        self._durable = durable
        self._admit = admit
        self._ends: dict[str, int] = {}  # up to where a log was seen to hold whole frames
        self._guard = threading.Lock()

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each log, a torn end included."""
        found = log_sizes(self.folder)
        return {name: size for name, size in found.items() if _NAME.fullmatch(name)}

    def size(self, name: str) -> int:
        """Return up to where a log holds whole frames; 0 where there is none."""
        try:
            return self._end(checked_log(name), _size(self.folder, name))
        except NotFoundError:
            return 0

    def read(self, name: str, offset: int, limit: int) -> bytes:
        """Return bytes of a log.

        Raises:
            NotFoundError: If there is no such log.
        """
        return read_bytes(self.folder, checked_log(name), offset, limit)

    def append(self, name: str, offset: int, data: bytes, *, damaged: bool = False) -> int:
        """Add what is new of a stretch of a log, and return where the log now ends.

        Args:
            name: Of the log.
            offset: Where in the log ``data`` starts.
            data: Up to the end of a frame.
            damaged: Whether bytes that are no frame are expected, because the log was damaged
                where it was written.

        Raises:
            GapError: If the log here ends before ``offset``.
            ConflictError: If the log here has other bytes at the same place.
            DamageError: If what is new does not consist of whole, intact frames.
            StorageError: If the disk refuses; then nothing was added.
        """
        while True:
            with self._locked(checked_log(name)) as file:
                if file is not None:
                    return self._append(file, name, offset, data, damaged=damaged)
                size = _size(self.folder, name)
                self._compare(name, offset, data[: max(size - offset, 0)])
                if offset + len(data) <= size:
                    return size
                from homeostat.record import unseal  # noqa: PLC0415 - it needs Polars

                unseal(self.folder, name)

    def _append(self, file: int, name: str, offset: int, data: bytes, *, damaged: bool) -> int:
        size = os.fstat(file).st_size
        end = self._end(name, size)
        if offset > end:
            raise GapError(f"The log {name} has {end} bytes here: send from there on.", end)
        known = min(len(data), end - offset)
        self._compare(name, offset, data[:known])
        fresh = data[known:]
        if not fresh:
            return end
        frames = _checked_frames(name, fresh, end, damaged=damaged)
        with self._admit(frames):
            if size > end:  # what a process that died while writing left
                os.ftruncate(file, end)
            self._write(file, fresh, end)
        self._ends[name] = end + len(fresh)
        return end + len(fresh)

    @contextmanager
    def _locked(self, name: str) -> Iterator[int | None]:
        """Hold a log alone; None where it is sealed."""
        path = self.folder / name
        if sealed_path(path).exists():
            yield None
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _refused(path, error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            sealed = sealed_path(path).exists()  # just now
            if sealed and os.fstat(file).st_size == 0 and _is(file, path):
                path.unlink()  # made just above, beside the sealed one
            yield file if _is(file, path) and not sealed else None
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a forked child may hold the descriptor for longer
            os.close(file)

    def _compare(self, name: str, offset: int, sent: bytes) -> None:
        """Refuse bytes that differ from those that are there."""
        for at in range(0, len(sent), _READ_BYTES):
            part = sent[at : at + _READ_BYTES]
            ours = read_bytes(self.folder, name, offset + at, len(part))
            if ours != part:
                first = next(i for i, (a, b) in enumerate(_paired(ours, part)) if a != b)
                raise ConflictError(
                    f"The log {name} differs from what was sent, from byte {offset + at + first} "
                    "on: one of the two files was changed after it was written. Run `homeostat "
                    "record verify` on both records; it names the damaged one."
                )

    def _end(self, name: str, size: int) -> int:
        """Return up to where a log of ``size`` bytes holds whole frames."""
        with self._guard:
            known = self._ends.get(name, 0)
        if known == size:
            return size
        reading = read_log(self.folder / name, known if known < size else 0)
        for _ in reading:
            pass
        with self._guard:
            self._ends[name] = reading.end
        return reading.end

    def _write(self, file: int, data: bytes, end: int) -> None:
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(file, data[written:], end + written)
            if self._durable:
                os.fdatasync(file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(file, end)
            raise _refused(self.folder, error) from error


def _size(folder: Path, name: str) -> int:
    with open_log(folder / name) as log:
        return log.size()


def _is(file: int, path: Path) -> bool:
    """Say whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


def _paired(ours: bytes, sent: bytes) -> Iterable[tuple[int, int]]:
    return zip(ours.ljust(len(sent), b"\0"), sent, strict=True)


def _checked_frames(name: str, fresh: bytes, end: int, *, damaged: bool) -> list[Frame]:
    stretch = read_stretch(fresh, end)
    if stretch.damaged is not None and not (damaged and stretch.end == len(fresh)):
        at = end + stretch.damaged
        raise DamageError(
            f"The bytes sent of the log {name} must be whole, intact frames; they are not from "
            f"byte {at} on. Send them again.",
            at,
        )
    return stretch.frames


def _refused(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"The record cannot take in logs: {path}: {error.strerror or error}. Nothing was added; "
        "free the disk or make the folder writable."
    )
