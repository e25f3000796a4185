"""Reading a log, also one that is being written, was torn by a crash, or has gone bad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.core import VersionError
from homeostat.record._log.frame import (
    FORMAT,
    FRAME_BYTES,
    HEADER_BYTES,
    MARK,
    Frame,
    claimed_end,
    decode,
    format_of,
)
from homeostat.record._log.source import LogBytes, open_log

if TYPE_CHECKING:
    from homeostat.record._log.bulk import Frames

__all__ = ["Damage", "LogReading", "read_log"]

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a log that holds no readable frame.

    Args:
        log: Path of the log, or its name within a record.
        offset: Where the stretch starts.
        length: How many bytes it has.
        reason: ``"torn"``: the log ends in the middle of a frame, as when its process was killed
            (or is just writing); nothing whose call returned is lost. ``"corrupt"``: bytes in
            the middle changed after they were written. ``"unreadable"``: the frame is intact
            but its payload says nothing that this Homeostat understands.
    """

    log: str
    offset: int
    length: int
    reason: str

    def __str__(self) -> str:
        return f"{self.log}: {self.length} bytes {self.reason} at byte {self.offset}"


class LogReading:
    """The frames of a log from an offset on; what could not be read is told afterwards.

    Args:
        path: The log.
        offset: Where to start: 0, or the :attr:`end` of an earlier reading.
    """

    def __init__(self, path: Path, offset: int) -> None:
        self.path = path
        self.end = offset
        self._corrupt: list[Damage] = []
        self._torn = 0

    @property
    def damage(self) -> list[Damage]:
        """What was skipped so far, in order; complete once the frames were all taken."""
        tail = [Damage(str(self.path), self.end, self._torn, "torn")] if self._torn else []
        return [*self._corrupt, *tail]

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames from :attr:`end` on; a later iteration yields what came since.

        Raises:
            NotFoundError: If there is no such file.
            VersionError: If the log was written by a newer Homeostat.
        """
        self._torn = 0
        with open_log(self.path) as file:
            if self.end < HEADER_BYTES and not self._pass_header(file):
                return
            while True:
                yield from self._frames(file)
                following = self._next_intact(file)
                size = file.size()
                if following is None:
                    self._torn = max(size - self.end, 0)
                    return
                if not _intact(file, self.end):  # else its writer completed it meanwhile
                    self._skip_to(following)

    def batches(self, until: int | None = None) -> Iterator[Frame | Frames]:
        """Yield what an iteration yields, with whole stretches of frames at a time.

        Anything odd is left to the iteration, frame by frame.

        Args:
            until: Where to stop, which is where a frame starts; None is the end.
        """
        from homeostat.record._log.bulk import scan  # noqa: PLC0415 - it needs NumPy

        self._torn = 0
        limit = until or (1 << 63)
        while self.end < limit:
            with open_log(self.path) as file:
                if self.end < HEADER_BYTES and not self._pass_header(file):
                    return
                count = min(_BLOCK_BYTES, limit - self.end)
                while (found := scan(file.read(count, self.end), self.end)).end:
                    self.end += found.end
                    yield found
                    count = min(_BLOCK_BYTES, limit - self.end)
            if self.end >= limit:
                return
            frame = next(iter(self), None)
            if frame is None:
                return
            yield frame

    def _pass_header(self, file: LogBytes) -> bool:
        start = file.read(HEADER_BYTES, 0)
        if len(start) < HEADER_BYTES:
            self._torn = len(start)
            return False
        version = format_of(start)
        if version is not None and version > FORMAT:
            raise VersionError(
                f"The log {self.path} has format {version}, this Homeostat reads up to {FORMAT}: "
                "upgrade Homeostat to read it."
            )
        if version is None:
            self._skip_to(HEADER_BYTES)
        self.end = HEADER_BYTES
        return True

    def _frames(self, file: LogBytes) -> Iterator[Frame]:
        """Yield frames, block by block, until one is not intact in a block read afresh."""
        wanted = _BLOCK_BYTES
        while True:
            block, base, at = file.read(wanted, self.end), self.end, 0
            while (found := decode(block, at, base)) is not None:
                frame, at = found
                self.end = base + at
                yield frame
            claimed = claimed_end(block, at)
            longer = claimed is not None and at == 0 and claimed > wanted == len(block)
            if at == 0 and not longer:
                return
            wanted = max(_BLOCK_BYTES, claimed) if longer and claimed else _BLOCK_BYTES

    def _next_intact(self, file: LogBytes) -> int | None:
        """Return where the next intact frame after a damaged one starts, or None.

        What the damaged one says of its own length may be the damage: it could lead past others.
        """
        base = self.end + 1
        while len(block := file.read(_BLOCK_BYTES, base)) >= FRAME_BYTES:
            at = -1
            while (at := block.find(MARK, at + 1)) >= 0:
                if _intact(file, base + at):
                    return base + at
            base += len(block) - len(MARK) + 1
        return None

    def _skip_to(self, offset: int) -> None:
        self._corrupt.append(Damage(str(self.path), self.end, offset - self.end, "corrupt"))
        self.end = offset


def read_log(path: str | Path, offset: int = 0) -> LogReading:
    """Read a log's frames, in the order they were appended.

    A reader never waits for a writer and never fails on what a crash or a bad disk left: a torn
    end and damaged stretches are skipped and listed in ``damage``. To follow a log that grows,
    keep ``end`` and read from there.

    Args:
        path: One log file.
        offset: Where to start; a frame's offset, or the ``end`` of an earlier reading.

    Returns:
        A :class:`LogReading`: iterate over it for the frames.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from homeostat.record import EventLog
        >>> with TemporaryDirectory() as folder, EventLog(folder) as log:
        ...     first = log.append(1, b"hello")
        ...     second = log.append(2, b"world")
        ...     reading = read_log(log.path)
        ...     print([(frame.kind, frame.payload) for frame in reading], reading.damage)
        [(1, b'hello'), (2, b'world')] []
    """
    return LogReading(Path(path), offset)


def _intact(file: LogBytes, offset: int) -> bool:
    head = file.read(FRAME_BYTES, offset)
    end = claimed_end(head, 0)
    if end is None or offset + end > file.size():
        return False
    return decode(file.read(end, offset), 0, offset) is not None
