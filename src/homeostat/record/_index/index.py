"""The SQL view over the logs: filled incrementally, and rebuilt from nothing at any time."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar, cast

from homeostat.core import CorruptionError, StorageError
from homeostat.record._fork import renew_after_fork
from homeostat.record._index.dialect import prepare
from homeostat.record._index.tables import DERIVED, INDEX_FORMAT, SCHEMA, TABLES
from homeostat.record._index.take_in import take_in
from homeostat.record._lock import alone
from homeostat.record._log.read_log import Damage, read_log
from homeostat.record._log.seal_format import UnsealedError
from homeostat.record._log.source import found_logs, log_sizes, sealed_path

__all__ = ["Index"]

Result = TypeVar("Result")
Values = Mapping[str, Any] | Sequence[Any]

_WAIT_S = 120.0
_BULK_BYTES = 256 << 10
_inherited: list[sqlite3.Connection] = []  # a child must neither use nor close its parent's


class Index:
    """The tables of :mod:`_tables`, kept in step with the logs of one folder.

    Where its file cannot be written (a read-only or full disk) the index lives in memory: the
    logs alone are enough to answer every question.

    Args:
        logs: Folder of the logs.
        folder: Where the index's file is; None keeps it in memory.
        url: Of a PostgreSQL database that holds it instead.
    """

    def __init__(self, logs: Path, folder: Path | None, url: str | None = None) -> None:
        self._logs = logs
        self._url = url
        if url is not None:
            from homeostat.record._index.postgres import checked_url  # noqa: PLC0415 - an extra

            self._url = checked_url(url)
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
                self._folder = self._folder if self._url else None  # a connection may just be old
            except sqlite3.DatabaseError:
                self._discard()
            self._catch_up()
            return action()

    def change(self, action: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do something to the derived tables, wholly or not at all."""

        def do() -> Result:
            with self._writing() as connection:
                return action(connection)

        return self._surely(do)

    def settled(self, action: Callable[[], Result]) -> Result:
        """Do what reads sealed logs, anew if one is unsealed meanwhile."""
        while True:
            try:
                return action()
            except UnsealedError:
                self.refresh()

    def shrink(self) -> None:
        """Give back the room that the file no longer needs."""

        def do() -> None:
            connection = self._open()
            connection.executescript("PRAGMA incremental_vacuum;")  # `execute` frees one page only
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        self._surely(do)

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self._logs

    def _rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        return self._open().execute(sql, values).fetchall()

    def _dump(self) -> Iterator[str]:
        """Yield everything the index says, in one order; equal dumps are equal indexes."""
        for log, consumed in self._rows("SELECT log, consumed FROM logs ORDER BY 1"):
            yield f"logs {(log, consumed)!r}"
        for table in (name for name in TABLES if name != "points"):
            key = "1, 2, 3" if table == "findings" else "1, 2"
            for row in self._rows(f"SELECT * FROM {table} ORDER BY {key}"):  # noqa: S608 - our own names
                yield f"{table} {row!r}"
        points: dict[tuple[str, int], Any] = {}
        for log, layout, part, held in self._rows(
            "SELECT log, layout, part, points FROM points ORDER BY 1, offset"
        ):
            said = held if part is None else self._sealed_points(log, part, layout)
            points.setdefault((log, layout), hashlib.sha256()).update(said)
        for series in sorted(points):
            yield f"points {series!r} {points[series].hexdigest()}"

    def _sealed_points(self, log: str, part: int, layout: int) -> bytes:
        from homeostat.record._log.sealed import raw_points  # noqa: PLC0415 - it needs Polars

        try:
            return raw_points(sealed_path(self._logs / log), part, layout)
        except CorruptionError:
            return b"gone bad"

    def _open(self) -> sqlite3.Connection:
        if self._connection is None and self._url is not None:
            self._connection = _connect_to(self._url, self._logs.parent)
        if self._connection is None:
            writable = self._folder is not None and os.access(self._folder, os.W_OK)
            self._folder = self._folder if writable else None
            self._connection = _connect(self._folder)
        return self._connection

    def _positions(self) -> dict[str, tuple[int, int]]:
        """Return size and consumed bytes of each log that is there or was read.

        A log that is no longer sealed is none that was read: where its points stand has changed.
        """
        known = {log: rest for log, *rest in self._rows("SELECT log, consumed, sealed FROM logs")}
        found = found_logs(self._logs, known)
        positions = {}
        for name in sorted(found.keys() | known.keys()):
            size, sealed = found.get(name, (-1, False))
            consumed, was_sealed = known.get(name, (0, False))
            unsealed = was_sealed and not sealed
            positions[name] = (-1 if unsealed else size), consumed
        return positions

    def _sizes(self) -> dict[str, int]:
        return log_sizes(self._logs)

    def _catch_up(self) -> None:
        positions = self._positions()
        if any(size < consumed for size, consumed in positions.values()):
            self._refill()  # a log lost its end, is gone or is no longer sealed
            return
        grown = (log for log, (size, consumed) in positions.items() if size > consumed)
        if any(self._has_more(log, positions[log][1]) for log in grown):
            with self._writing() as connection:
                self._take_in(connection)

    def _refill(self) -> int:
        with self._writing() as connection:
            for table in ["logs", *TABLES, *DERIVED]:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            return self._take_in(connection)

    def _has_more(self, log: str, consumed: int) -> bool:
        return next(iter(read_log(self._logs / log, consumed)), None) is not None

    def _take_in(self, connection: sqlite3.Connection) -> int:
        frames = 0
        for log, (size, consumed) in self._positions().items():
            if size <= consumed:
                continue
            bulk = _is_bulk(size - consumed)
            frames += take_in(connection, self._logs / log, consumed, bulk=bulk)
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
        if self._folder is None or self._url is not None:
            return nullcontext()
        return alone(self._folder / "index.lock")

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
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts for a new file only
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            connection.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version = {INDEX_FORMAT};COMMIT;")
    return connection


def _connect_to(url: str, record: Path) -> sqlite3.Connection:
    """Open an index in PostgreSQL, by a connection that behaves as SQLite's does."""
    from homeostat.record._index.postgres import Postgres, schema_of  # noqa: PLC0415 - an extra

    made = Postgres(url, schema=schema_of(record, url), script=SCHEMA, format=INDEX_FORMAT)
    return cast("sqlite3.Connection", made)


def _raw(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
    )
    prepare(connection)
    return connection


def _is_bulk(fresh: int) -> bool:
    """Say whether NumPy is worth its import."""
    return "numpy" in sys.modules or fresh >= _BULK_BYTES
