"""Compaction: logs that nobody writes any more are sealed, and the index lets go of their points.

What keeps it safe:

- A writer holds a lock on its log while it has it open (see `_writer_lock`), whoever takes in a log
  from elsewhere holds another; a process that dies lets go of both. A log is sealed only under
  both, so nothing is added to it meanwhile.
- The sealed file is written beside it, read back and compared byte by byte, put in its place by
  one rename, and only then is the plain file removed. A process that dies in between leaves both;
  the sealed one is preferred, they say the same, and the next compaction removes the plain one.
- Readers find the sealed file where the plain one was; offsets and bytes are the same.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from homeostat.core import CorruptionError, StorageError, duration
from homeostat.record._artifact.draft_file import draft_file, is_abandoned
from homeostat.record._folder import sync_folder
from homeostat.record._index.fold import fold
from homeostat.record._index.fold_points import mark, note_spans
from homeostat.record._index.index import Index
from homeostat.record._index.take_in import points_of_sealed
from homeostat.record._ledger import Ledger
from homeostat.record._lock import alone
from homeostat.record._log.bulk import scan
from homeostat.record._log.frame import HEADER_BYTES, encode, header
from homeostat.record._log.read_log import read_log
from homeostat.record._log.seal_format import PART
from homeostat.record._log.sealed import SealedBytes, pack_verbatim, parts_with_points, seal_frames
from homeostat.record._log.source import PlainBytes, sealed_path
from homeostat.record._log.writer_lock import alone_with

__all__ = ["Compacted", "compact", "unseal"]

_LOCK = "compact.lock"
_PART_BYTES = 4 << 20
_LEAST_BYTES = 64 << 10  # below that there is nothing to gain
_MOST_FRAME_BYTES = 32 << 20  # a longer frame has no room in a part
_COPY_BYTES = 8 << 20


class _TooLongError(Exception):
    """A frame is too long for a part."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did.

    Args:
        logs: How many logs were sealed.
        before_bytes: What they took.
        after_bytes: What they take.
    """

    logs: int
    before_bytes: int
    after_bytes: int

    def __str__(self) -> str:
        return f"{self.logs} logs sealed: {self.before_bytes} bytes are now {self.after_bytes}."


def compact(ledger: Ledger, *, idle: str | timedelta, only: str | None = None) -> Compacted:
    """Seal what can be sealed; see :meth:`Record.compact`."""
    quiet_s = duration(idle).total_seconds()
    logs = ledger.index.logs
    sealed, before, after = 0, 0, 0
    for path in sorted(logs.glob("*.log")) if logs.is_dir() else []:
        if only is not None and path.name != only:
            continue
        with alone(ledger.folder / _LOCK):
            _sweep(logs)
            size = _seal(ledger.index, path, quiet_s)
        if size:
            sealed, before = sealed + 1, before + size
            after += sealed_path(path).stat().st_size
    with alone(ledger.folder / _LOCK):
        if _let_go(ledger.index):
            ledger.index.shrink()
    return Compacted(sealed, before, after)


def unseal(folder: Path, name: str) -> bool:
    """Make a sealed log a plain file again, so that more can be written to it.

    Returns:
        Whether it was sealed.
    """
    path = folder / name
    sealed = sealed_path(path)
    with alone(folder.parent / _LOCK):
        if not sealed.exists():
            return False
        with SealedBytes(sealed) as log:
            blocks = (log.read(_COPY_BYTES, at) for at in range(0, log.size(), _COPY_BYTES))
            with draft_file(path, blocks, durable=True) as draft:
                draft.replace(path)
        sealed.unlink()
        sync_folder(folder)
    return True


def _seal(index: Index, path: Path, quiet_s: float) -> int:
    """Seal one log if that can be; return its bytes, 0 if it was left alone."""
    with alone_with(path) as file:
        if file is None:
            return 0
        found = os.fstat(file)
        quiet = _now(index.logs) - found.st_mtime >= quiet_s
        if found.st_size < _LEAST_BYTES or not quiet:
            return 0
        if not sealed_path(path).exists():
            index.refresh()
            if not _write(index, path, found.st_size):
                return 0
        path.unlink()
        sync_folder(path.parent)
        return found.st_size


def _now(logs: Path) -> float:
    """Return the file system's own time, by which logs were changed."""
    lock = logs.parent / _LOCK
    os.utime(lock)
    return lock.stat().st_mtime


def _sweep(logs: Path) -> None:
    """Remove what a process that died was writing."""
    for draft in logs.glob("*.sealed.*"):
        if is_abandoned(draft):
            draft.unlink()


def _write(index: Index, path: Path, size: int) -> bool:
    """Write the sealed form beside a log and put it in its place; False if it cannot be."""
    columns = {
        layout: len(json.loads(names))
        for layout, names in index.rows("SELECT DISTINCT layout, names FROM layouts")
    }
    try:
        with draft_file(sealed_path(path), _frames(path, size, columns), durable=True) as draft:
            _compare(path, draft, size)
            draft.replace(sealed_path(path))
        sync_folder(path.parent)
    except _TooLongError:
        return False
    except OSError as error:
        raise StorageError(
            f"The log {path} cannot be sealed: {error.strerror or error}. It is as it was."
        ) from error
    return True


def _frames(path: Path, size: int, columns: dict[int, int]) -> Iterator[bytes]:
    """Yield the bytes of a sealed file."""
    yield header()
    at = HEADER_BYTES
    for part in _parts(path, size, columns):
        frame = encode(PART, part, at)
        at += len(frame)
        yield frame


def _parts(path: Path, size: int, columns: dict[int, int]) -> Iterator[bytes]:
    """Yield the parts of a log."""
    with PlainBytes(path) as log:
        at = min(HEADER_BYTES, size)
        yield pack_verbatim(0, log.read(at, 0))
        while at < size:
            block = log.read(min(_PART_BYTES, size - at), at)
            frames = scan(block, at)
            if frames.end:
                yield seal_frames(frames, columns)
                at += frames.end
                continue
            end = _next_end(path, at, size)
            if end - at > _MOST_FRAME_BYTES:
                raise _TooLongError
            yield pack_verbatim(at, log.read(end - at, at))
            at = end


def _next_end(path: Path, at: int, size: int) -> int:
    """Return where the next intact frame ends, or the log."""
    reading = read_log(path, at)
    return reading.end if next(iter(reading), None) is not None else size


def _compare(path: Path, draft: Path, size: int) -> None:
    """Make sure that a sealed log is what it stands for, byte for byte."""
    with PlainBytes(path) as plain, SealedBytes(draft) as sealed:
        for start in range(0, size, _COPY_BYTES):
            if plain.read(_COPY_BYTES, start) != sealed.read(_COPY_BYTES, start):
                raise CorruptionError(f"The log {path} was not sealed: it came out differently.")
        if sealed.size() != size:
            raise CorruptionError(f"The log {path} was not sealed: it came out too short.")


def _let_go(index: Index) -> bool:
    """Have the index say of points in sealed logs where they are, instead of holding them."""
    index.refresh()
    fold(index)
    held = {
        log
        for (log,) in index.rows("SELECT DISTINCT log FROM points WHERE part IS NULL")
        if sealed_path(index.logs / log).exists()
    }
    for log in sorted(held):
        parts = parts_with_points(sealed_path(index.logs / log))
        layouts = {layout for _, some in parts.values() for layout in some}
        plain = index.rows(
            "SELECT DISTINCT layout FROM points WHERE log = ? AND part IS NULL", (log,)
        )
        if any(layout in layouts for (layout,) in plain):
            index.change(partial(_replace, index, log))
    return bool(held)


def _replace(index: Index, log: str, connection: sqlite3.Connection) -> None:
    rows = points_of_sealed(index.logs / log)
    runs = [
        run
        for (run,) in connection.execute(
            "SELECT DISTINCT run FROM layouts WHERE layout IN "
            "(SELECT layout FROM points WHERE log = ?)",
            (log,),
        )
    ]
    for table in ("points", "spans"):
        connection.execute(f"DELETE FROM {table} WHERE log = ?", (log,))  # noqa: S608 - our own names
    connection.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.execute("UPDATE logs SET sealed = 1 WHERE log = ?", (log,))
    note_spans(connection, index.logs, runs, log)
    dirty = {run for (run,) in connection.execute("SELECT run FROM dirty")}
    mark(connection, [run for run in runs if run not in dirty])
