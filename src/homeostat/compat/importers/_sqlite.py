"""Other tools' SQLite files, opened so that nothing in them can change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

__all__ = ["is_sqlite", "read_only", "rows", "tables"]

_MAGIC = b"SQLite format 3\0"


def is_sqlite(path: Path) -> bool:
    """Say whether a file is an SQLite database."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading only, also on a disk that cannot be written."""
    place = path.resolve().as_uri()
    connection = sqlite3.connect(f"{place}?mode=ro", uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.OperationalError:  # its write-ahead log cannot be opened here
        connection.close()
        connection = sqlite3.connect(f"{place}?mode=ro&immutable=1", uri=True)
    with closing(connection):
        connection.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        yield connection


def tables(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in found}


def rows(
    connection: sqlite3.Connection, query: str, arguments: tuple[object, ...] = ()
) -> Iterator[Mapping[str, object]]:
    """Give the rows of a query, each by column name."""
    cursor = connection.execute(query, arguments)
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))
