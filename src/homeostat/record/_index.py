"""The SQL view over the logs: filled incrementally, and rebuilt from nothing at any time."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from homeostat.core import StorageError
from homeostat.record._fork import renew_after_fork
from homeostat.record._lock import alone
from homeostat.record._read_log import Damage, read_log
from homeostat.record._tables import INDEX_FORMAT, SCHEMA, TABLES, Rows

__all__ = ["Index"]

Result = TypeVar("Result")
Values = Mapping[str, Any] | Sequence[Any]

_WAIT_S = 120.0
_BATCH_FRAMES = 50_000
_inherited: list[sqlite3.Connection] = []  # a child must neither use nor close its parent's


class Index:
    """The tables of :mod:`_tables`, kept in step with the logs of one folder.

    Where its file cannot be written (a read-only or full disk) the index lives in memory: the
    logs alone are enough to answer every question.

    Args:
        logs: Folder of the logs.
        folder: Where the index's file is; None keeps it in memory.
    """

    def __init__(self, logs: Path, folder: Path | None) -> None:
        self._logs = logs
        self._folder = folder
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()
        renew_after_fork(self)

    def query(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Catch up with the logs, then return all rows of a query."""
        with self._lock:
            self.refresh()
            return self.rows(sql, values)

    def rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query, of the index as it stands."""
        return self._surely(lambda: self._rows(sql, values))

    def refresh(self) -> None:
        """Take in what was appended to the logs since the last time."""
        self._surely(self._catch_up)

    def rebuild(self) -> int:
        """Empty the tables and fill them from the logs; returns the number of frames."""
        return self._surely(self._refill)

    def torn(self) -> list[Damage]:
        """Return the ends of logs that hold no whole frame, as they are now."""
        found = []
        for log, (size, consumed) in self._surely(self._positions).items():
            if size > consumed:
                reading = read_log(self._logs / log, consumed)
                found += [] if any(reading) else reading.damage
        return [Damage(Path(item.log).name, item.offset, item.length, "torn") for item in found]

    def digest(self) -> str:
        """Return the SHA-256 of everything the index says, whatever way it was filled."""
        digest = hashlib.sha256()
        with self._lock:
            for line in self._dump():
                digest.update(line.encode() + b"\n")
        return digest.hexdigest()

    def cursor(self) -> str:
        """Return a text that differs as soon as a log grew."""
        sizes = self._sizes()
        return f"{len(sizes)}-{sum(sizes.values())}"

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def renew(self) -> None:
        """Leave the parent's connection alone in a forked child, and open another."""
        self._lock = threading.RLock()
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection = None

    def _surely(self, action: Callable[[], Result]) -> Result:
        """Do it on the file; failing that on a new file, or in memory: the logs have it all."""
        with self._lock:
            try:
                return action()
            except (sqlite3.OperationalError, StorageError):
                if self._folder is None:
                    raise
                self.close()
                self._folder = None
            except sqlite3.DatabaseError:
                self._discard()
            self._catch_up()
            return action()

    def _rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        return self._open().execute(sql, values).fetchall()

    def _dump(self) -> Iterator[str]:
        """Yield everything the index says, in one order; equal dumps are equal indexes."""
        for table in ("logs", *(name for name in TABLES if name != "metrics")):
            key = "1, 2, 3" if table == "findings" else "1, 2"
            for row in self._rows(f"SELECT * FROM {table} ORDER BY {key}"):  # noqa: S608 - our own names
                yield f"{table} {row!r}"
        points: dict[tuple[str, str, str], Any] = {}
        for log, run, names, part in self._rows(
            "SELECT log, run, names, points FROM metrics ORDER BY log, offset"
        ):
            points.setdefault((log, run, names), hashlib.sha256()).update(part)
        for series in sorted(points):
            yield f"metrics {series!r} {points[series].hexdigest()}"

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            writable = self._folder is not None and os.access(self._folder, os.W_OK)
            self._folder = self._folder if writable else None
            self._connection = _connect(self._folder)
        return self._connection

    def _positions(self) -> dict[str, tuple[int, int]]:
        """Return size and consumed bytes of each log that is there or was read."""
        consumed: dict[str, int] = dict(self._rows("SELECT log, consumed FROM logs"))
        sizes = self._sizes()
        names = sorted(sizes.keys() | consumed.keys())
        return {name: (sizes.get(name, -1), consumed.get(name, 0)) for name in names}

    def _sizes(self) -> dict[str, int]:
        if not self._logs.is_dir():
            return {}
        with os.scandir(self._logs) as entries:
            return {e.name: e.stat().st_size for e in entries if e.name.endswith(".log")}

    def _catch_up(self) -> None:
        positions = self._positions()
        if any(size < consumed for size, consumed in positions.values()):
            self._refill()  # a log lost its end or is gone, as after a power cut
            return
        grown = (log for log, (size, consumed) in positions.items() if size > consumed)
        if any(self._has_more(log, positions[log][1]) for log in grown):
            with self._writing() as connection:
                self._take_in(connection)

    def _refill(self) -> int:
        with self._writing() as connection:
            for table in ["logs", *TABLES]:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            return self._take_in(connection)

    def _has_more(self, log: str, consumed: int) -> bool:
        return next(iter(read_log(self._logs / log, consumed)), None) is not None

    def _take_in(self, connection: sqlite3.Connection) -> int:
        frames = 0
        for log, (size, consumed) in self._positions().items():
            if size <= consumed:
                continue
            reading, rows = read_log(self._logs / log, consumed), Rows(log)
            for frame in reading:
                rows.add(frame)
                if rows.frames == _BATCH_FRAMES:
                    frames += _insert(connection, rows)
                    rows = Rows(log)
            for item in reading.damage:
                if item.reason == "corrupt":
                    rows.add_damage(item.offset, item.length, item.reason)
            frames += _insert(connection, rows)
            connection.execute("INSERT OR REPLACE INTO logs VALUES (?, ?)", (log, reading.end))
        return frames

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = self._open()
        with self._in_turn():  # SQLite's own waiting is by naps of up to 0.1 s
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _in_turn(self) -> AbstractContextManager[None]:
        return nullcontext() if self._folder is None else alone(self._folder / "index.lock")

    def _discard(self) -> None:
        """Throw away an index file that is no database any more; the logs have it all."""
        self.close()
        if self._folder is not None:
            with alone(self._folder / "index.lock"):
                for suffix in ("", "-wal", "-shm"):
                    _file(self._folder, suffix).unlink(missing_ok=True)


def _file(folder: Path, suffix: str = "") -> Path:
    return folder / f"index-{INDEX_FORMAT}.sqlite{suffix}"


def _connect(folder: Path | None) -> sqlite3.Connection:
    """Open the index, making its tables first if need be; one process at a time does."""
    if folder is None:
        connection = _raw(":memory:")
        connection.executescript(SCHEMA)
        return connection
    with alone(folder / "index.lock"):
        connection = _raw(str(_file(folder)))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            connection.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version = {INDEX_FORMAT};COMMIT;")
    return connection


def _raw(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)


def _insert(connection: sqlite3.Connection, rows: Rows) -> int:
    for table, values in rows.tables().items():
        if values:
            places = ", ".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({places})", values)  # noqa: S608 - our own names
    return rows.frames
