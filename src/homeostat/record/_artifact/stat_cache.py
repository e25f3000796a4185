"""What files held when they were last hashed, so that an unchanged file is not read again.

A cache: it may be deleted at any time, and where it fails files are just read.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from homeostat.core import RealClock
from homeostat.record._fork import renew_after_fork

__all__ = ["StatCache"]

_SETTLED_NS = 2_000_000_000
"""A file must have been left alone for so long: a later change in one tick of the file system's
clock would not show."""
_WAIT_S = 0.5
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, stamp TEXT, sha256 TEXT) WITHOUT ROWID;
"""
_inherited: list[sqlite3.Connection] = []  # a child must neither use nor close its parent's


class StatCache:
    """SHA-256 of files by path, device, inode, size, time of change and of modification.

    Processes and threads may share it.

    Args:
        path: Its own SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._clock = RealClock()  # the file system's times are real, whatever the record's are
        self.renew()
        renew_after_fork(self)

    def find(self, path: Path, found: os.stat_result) -> str | None:
        """Return the SHA-256 of a file that has not changed since it was noted."""
        with self._lock, suppress(sqlite3.Error, OSError):
            row = (
                self._open()
                .execute("SELECT stamp, sha256 FROM files WHERE path = ?", (_key(path),))
                .fetchone()
            )
            if row is not None and row[0] == _stamp(found):
                return str(row[1])
        return None

    def note(self, hashed: Iterable[tuple[Path, os.stat_result, int, str]]) -> None:
        """Remember files that were hashed.

        Args:
            hashed: Path, state before and after, when hashing began (see `now`), and SHA-256.
        """
        rows = [
            (_key(path), _stamp(found), sha256)
            for path, found, began, sha256 in hashed
            if began - max(found.st_mtime_ns, found.st_ctime_ns) > _SETTLED_NS
        ]
        with self._lock, suppress(sqlite3.Error, OSError):
            if rows:
                connection = self._open()
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows)
                connection.execute("COMMIT")

    def forget(self, digests: Sequence[str]) -> None:
        """Drop the files that had one of these contents."""
        with self._lock, suppress(sqlite3.Error, OSError):
            if digests and self._path.exists():
                connection = self._open()
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("CREATE TEMP TABLE IF NOT EXISTS gone (sha256 PRIMARY KEY)")
                connection.execute("DELETE FROM gone")
                connection.executemany(
                    "INSERT OR IGNORE INTO gone VALUES (?)", [(digest,) for digest in digests]
                )
                connection.execute("DELETE FROM files WHERE sha256 IN (SELECT sha256 FROM gone)")
                connection.execute("COMMIT")

    def now(self) -> int:
        """Return the real time, in nanoseconds."""
        return self._clock.time_ns()

    def close(self) -> None:
        """Close the file; it is opened again when used."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def renew(self) -> None:
        """Leave the parent's connection alone in a forked child."""
        self._lock = threading.Lock()
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        if self._connection.in_transaction:  # what failed half-way is given up
            self._connection.execute("ROLLBACK")
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        for _ in range(2):
            connection = sqlite3.connect(
                self._path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
            )
            try:
                connection.executescript(_SCHEMA)
            except sqlite3.OperationalError:  # locked for long, or a disk that takes nothing
                connection.close()
                raise
            except sqlite3.DatabaseError:  # no database any more: begin another
                connection.close()
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            else:
                return connection
        raise sqlite3.OperationalError


def _key(path: Path) -> bytes:
    return os.fsencode(os.path.abspath(path))  # noqa: PTH100 - `Path.absolute` costs more than the query


def _stamp(found: os.stat_result) -> str:
    place = f"{found.st_dev}-{found.st_ino}-{found.st_size}"
    return f"{place}-{found.st_mtime_ns}-{found.st_ctime_ns}"
