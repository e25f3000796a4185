"""The catalog of a feature store: what is defined, by whom, and which files hold its values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from homeostat.core import StorageError
from homeostat.features._feature import Definition, Feature
from homeostat.features._group import FeatureGroup
from homeostat.features._point_in_time import RecentMean

__all__ = ["Catalog", "Part", "connect", "plain_time"]

_TABLES = """
CREATE TABLE IF NOT EXISTS feature (
    grp TEXT, name TEXT, version TEXT, number INTEGER, owner TEXT, description TEXT,
    sources TEXT, known_at TEXT, definition TEXT, source TEXT, registered_at INTEGER,
    retired INTEGER DEFAULT 0, PRIMARY KEY (grp, name, version)
);
CREATE TABLE IF NOT EXISTS part (
    grp TEXT, version TEXT, start INTEGER, inputs TEXT, file TEXT, rows INTEGER,
    last TEXT, types TEXT, made_at INTEGER, PRIMARY KEY (grp, version, start)
);
"""
_UPSERT = """
INSERT INTO feature (grp, name, version, number, owner, description, sources, known_at,
    definition, source, registered_at)
SELECT :grp, :name, :version, COALESCE(MAX(number), 0) + 1, :owner, :description, :sources,
    :known_at, :definition, :source, :now FROM feature WHERE grp = :grp AND name = :name
ON CONFLICT DO UPDATE SET owner = :owner, description = :description, source = :source, retired = 0
"""
_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "group": pl.String,
    "feature": pl.String,
    "version": pl.String,
    "number": pl.Int64,
    "owner": pl.String,
    "description": pl.String,
    "sources": pl.List(pl.String),
    "known_at": pl.String,
    "definition": pl.String,
    "source": pl.String,
    "registered_at": pl.Int64,
    "current": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class Part:
    """One partition of a group: which file holds it and what it was made of.

    Args:
        start: Its first moment, microseconds since 1970.
        inputs: Digest of the rows and events it was made of.
        file: Name of the Parquet file, by content.
        rows: How many it has.
        last: By feature, the moment of the last row that has a value.
        types: By column, its type as text.
        made_at: When, microseconds since 1970.
    """

    start: int
    inputs: str
    file: str
    rows: int
    last: Mapping[str, int]
    types: Mapping[str, str]
    made_at: int


class Catalog:
    """Definitions and files of a store, in one SQLite database.

    Args:
        path: The database; made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as database:
            database.executescript(_TABLES)

    def register(self, group: FeatureGroup, *, now: int) -> None:
        """Take in a group's features; those it had and has no more are retired."""
        with self._open() as database, database:
            database.execute("UPDATE feature SET retired = 1 WHERE grp = ?", [group.name])
            database.executemany(_UPSERT, [_row(group, feature, now) for feature in group.features])

    def features(self) -> pl.DataFrame:
        """Return one row a version of a feature."""
        with self._open() as database:
            rows = database.execute(
                "SELECT grp, name, version, number, owner, description, sources, known_at, "
                "definition, source, registered_at, NOT retired FROM feature "
                "ORDER BY grp, name, number"
            ).fetchall()
        told = [(*row[:6], json.loads(row[6]), *row[7:11], bool(row[11])) for row in rows]
        frame = pl.DataFrame(told, schema=_TYPES, orient="row")
        return frame.with_columns(plain_time("registered_at"))

    def parts(self, group: FeatureGroup) -> list[Part]:
        """Return the partitions of this version of a group, in the order of time."""
        with self._open() as database:
            rows = database.execute(
                "SELECT start, inputs, file, rows, last, types, made_at FROM part "
                "WHERE grp = ? AND version = ? ORDER BY start",
                [group.name, group.version],
            ).fetchall()
        return [
            Part(start, inputs, file, n, json.loads(last), json.loads(types), made_at)
            for start, inputs, file, n, last, types, made_at in rows
        ]

    def put(self, group: FeatureGroup, made: Iterable[Part], dropped: Iterable[int]) -> None:
        """Replace partitions: a reader sees all of it or nothing."""
        with self._open() as database, database:
            key = (group.name, group.version)
            database.executemany(
                "DELETE FROM part WHERE grp = ? AND version = ? AND start = ?",
                [(*key, start) for start in dropped],
            )
            database.executemany(
                "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        *key,
                        part.start,
                        part.inputs,
                        part.file,
                        part.rows,
                        json.dumps(part.last),
                        json.dumps(part.types),
                        part.made_at,
                    )
                    for part in made
                ],
            )

    def files(self) -> set[str]:
        """Return the names of all files that some version of some group refers to."""
        with self._open() as database:
            return {file for (file,) in database.execute("SELECT DISTINCT file FROM part")}

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with connect(self._path) as database:
            yield database


@contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database in WAL mode for one use.

    Raises:
        StorageError: If the disk refuses, the database is damaged, or a writer holds it.
    """
    try:
        with closing(sqlite3.connect(path, timeout=30)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            yield database
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be read or written: {error}.") from error


def plain_time(name: str) -> pl.Expr:
    """Return a column of microseconds since 1970 as instants."""
    return pl.from_epoch(name, time_unit="us").dt.replace_time_zone("UTC").alias(name)


def _row(group: FeatureGroup, feature: Feature, now: int) -> dict[str, object]:
    return {
        "grp": group.name,
        "name": feature.name,
        "version": feature.version,
        "owner": feature.owner or group.owner,
        "description": feature.description,
        "sources": json.dumps(feature.sources),
        "known_at": feature.known_at,
        "definition": _told(feature.definition),
        "source": group.source,
        "now": now,
    }


def _told(definition: Definition) -> str:
    if isinstance(definition, (pl.Expr, RecentMean)):
        return str(definition)
    return str(getattr(definition, "__qualname__", definition))
