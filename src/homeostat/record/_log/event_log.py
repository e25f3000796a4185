"""The writing side of the event log."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from homeostat.core import Clock, InputError, RealClock, StorageError
from homeostat.record._folder import sync_folder
from homeostat.record._fork import renew_after_fork
from homeostat.record._identity import new_id
from homeostat.record._log.frame import HEADER_BYTES, MAX_PAYLOAD_BYTES, encode, header
from homeostat.record._log.writer_lock import hold_as_writer

__all__ = ["EventLog"]

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC


class EventLog:
    """An append-only log that one process writes, in a file of its own in ``folder``.

    A frame is handed to the operating system by one plain write before :meth:`append` returns:
    from then on it outlives the process, whatever becomes of it. The file is made by the first
    append. A forked child writes a file of its own. Threads may share a log.

    Args:
        folder: Where the file is made; created if absent. Many processes may share it.
        durability: ``"process"``: what was appended outlives the process. ``"disk"``: it
            outlives the machine too; each append waits for fdatasync, and appends of several
            threads share one. (If that fails the frame is in the file, though not surely on the
            disk.)
        clock: Names the file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, EventLog(folder) as log:
        ...     log.append(1, b"payload")
        16
    """

    _lock: threading.RLock
    _syncing: threading.Lock
    _writing: bool
    _end: int  # where the next frame goes
    _expected: int  # where the file ends once the write in flight is done
    _synced: int  # how much is surely on the disk

    def __init__(
        self,
        folder: str | Path,
        *,
        durability: Literal["process", "disk"] = "process",
        clock: Clock | None = None,
    ) -> None:
        if durability not in {"process", "disk"}:
            raise InputError(f"Durability is 'process' or 'disk', got {durability!r}.")
        self.folder = Path(folder)
        self._durable = durability == "disk"
        self._clock = clock or RealClock()
        self._aside: EventLog | None = None
        self._file: int | None = None
        self._path: Path | None = None
        self.renew()
        renew_after_fork(self)

    @property
    def path(self) -> Path | None:
        """The file this process writes; None before the first append."""
        return self._path

    def append(self, kind: int, payload: bytes) -> int:
        """Write one frame and return its offset in the file.

        Args:
            kind: What the payload is, 0 to 255.
            payload: At most 64 MiB.

        Raises:
            InputError: If the kind or the size is out of range.
            StorageError: If the disk refuses. Nothing of the frame is left in the file, and
                later appends work as soon as the disk takes them.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise InputError(
                f"A frame holds at most {MAX_PAYLOAD_BYTES >> 20} MiB, got {len(payload)} bytes: "
                "keep it as an artifact."
            )
        with self._lock:
            if self._writing:  # a signal handler interrupted an append of this very thread
                return self._beside().append(kind, payload)
            self._writing = True
            try:
                offset = self._write(kind, payload)
            finally:
                self._writing = False
        if self._durable:
            self._sync()
        return offset

    def sync(self) -> None:
        """Wait until all that was appended so far is on the disk, whatever the durability.

        For who gathers appends and waits once for many of them, in a thread aside.

        Raises:
            StorageError: If the disk refuses. What it holds of the file is then unknown: close
                the log, so that later appends go to another file.
        """
        with self._lock:
            if self._file is None or self._synced >= self._end:
                return
            file, end, first = os.dup(self._file), self._end, not self._synced
        try:
            os.fdatasync(file)
            if first:
                sync_folder(self.folder)
        except OSError as error:
            raise StorageError(f"{self._path} did not reach the disk: {error}.") from error
        finally:
            os.close(file)
        with self._lock:
            if self._end >= end:  # else it was closed meanwhile
                self._synced = max(self._synced, end)

    def close(self) -> None:
        """Close the file; a later append opens a new one."""
        with self._lock:
            self._drop()

    def renew(self) -> None:
        """Start anew in a forked child, which must not write the parent's file."""
        self._lock = threading.RLock()
        self._syncing = threading.Lock()
        self._writing = False
        self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"EventLog({str(self._path or self.folder)!r})"

    def _write(self, kind: int, payload: bytes) -> int:
        try:
            if self._end != self._expected:
                self._mend()
            file = self._file
            if file is None:
                self._file = file = self._create()
            offset = self._end or HEADER_BYTES
            data = encode(kind, payload, offset)
            if not self._end:
                data = header() + data
            self._expected = self._end + len(data)
            written = os.write(file, data)
            while written < len(data):  # a disk that is just full takes a part, then says why
                written += os.write(file, data[written:])
            self._end = self._expected
        except OSError as error:
            self._mend()
            raise StorageError(
                f"The log in {self.folder} cannot be written: {error.strerror or error}; "
                "nothing of this event was kept. Free the disk or make the folder writable."
            ) from error
        return offset

    def _mend(self) -> None:
        """Take away what an interrupted write left; if that fails, go on in another file."""
        if self._file is None:
            return
        try:
            if os.fstat(self._file).st_size == self._expected:
                self._end = self._expected
            else:
                os.ftruncate(self._file, self._end)
                self._expected = self._end
        except OSError:
            self._drop()

    def _create(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{new_id(self._clock)}.log"
        file = os.open(path, _CREATE, 0o644)
        hold_as_writer(file)
        self._path = path
        if self._durable:
            sync_folder(self.folder)
        return file

    def _sync(self) -> None:
        """Wait until all that was written so far is on the disk; threads share the wait."""
        end = self._end
        with self._syncing:
            if self._synced >= end or self._file is None:
                return
            covered = self._end
            try:
                os.fdatasync(self._file)
            except OSError as error:
                raise StorageError(f"{self._path} did not reach the disk: {error}.") from error
            self._synced = covered

    def _beside(self) -> EventLog:
        if self._aside is None:
            durability: Literal["process", "disk"] = "disk" if self._durable else "process"
            self._aside = EventLog(self.folder, durability=durability, clock=self._clock)
        return self._aside

    def _drop(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = self._path = self._aside = None
        self._end = self._expected = self._synced = 0
