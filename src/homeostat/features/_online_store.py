"""OnlineStore: the latest values by key, read in microseconds by a server."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import polars as pl

from homeostat.core import Clock, InputError, RealClock, duration
from homeostat.features._as_of import as_of_rows, moments
from homeostat.features._catalog import connect, plain_time
from homeostat.features._group import FeatureGroup
from homeostat.features._online_reader import OnlineReader, name_of, plain_keys, table_of
from homeostat.features._packing import Packing

__all__ = ["OnlineStore"]

_NEVER = -(2**63)
_META = """
CREATE TABLE IF NOT EXISTS online (
    grp TEXT, version TEXT, types BLOB, loaded_at INTEGER, PRIMARY KEY (grp, version)
)
"""


class OnlineStore:
    """A SQLite database with the latest values of each key: one writer, any number of readers.

    Each version of a group has a table of its own, so a server that was told one version never
    reads the values of another. A load is one transaction: readers see all of it or nothing,
    also where the writer is killed in the middle.

    Args:
        path: The database file; made where there is none.
        clock: Where the time comes from.

    Example:
        >>> import tempfile
        >>> from datetime import UTC, datetime
        >>> from homeostat.features import Feature, FeatureSet
        >>> group = FeatureGroup(name="users", by=["user"], time="at", created_at=None,
        ...                      features=FeatureSet((Feature("balance", pl.col("balance")),)))
        >>> values = pl.DataFrame({"user": [7, 7], "balance": [1.5, 2.5],
        ...                        "at": [datetime(2024, 1, d, tzinfo=UTC) for d in (1, 2)]})
        >>> online = OnlineStore(tempfile.mkdtemp() + "/online.db")
        >>> online.load(group, values)
        1
        >>> online.reader(group).get(7)
        {'balance': 2.5}
    """

    def __init__(self, path: str | Path, *, clock: Clock | None = None) -> None:
        self.path = Path(path)
        self._clock = clock or RealClock()
        with self._open() as database, database:
            database.execute(_META)

    def load(
        self,
        group: FeatureGroup,
        values: pl.DataFrame | pl.LazyFrame,
        *,
        as_of: datetime | None = None,
    ) -> int:
        """Put the latest values of each key in place; what is there and newer stays.

        The rule is that of training: what was not known by ``as_of`` does not count, however
        early the time it is about.

        Args:
            group: Whose values; `FeatureStore.scan` gives them.
            values: Keys, times and features, any number of rows a key.
            as_of: The moment; the clock's unless told.

        Returns:
            How many keys have values among the rows given.

        Raises:
            SchemaError: If a column is missing or of a type that cannot be served, or keys are
                not numbers or text.
            StorageError: If the disk refuses; all is as it was.
        """
        frame = values.lazy().select(group.columns).collect()
        latest = _latest(group, frame, as_of or self._clock.now())
        packing = Packing(frame.select(group.features.names).schema)
        keys = plain_keys(latest.select(group.by), latest.height)
        about = moments(latest[group.time]).tolist()
        created = moments(latest[group.created_at or group.time]).tolist()
        packed = packing.rows(latest)
        rows = (
            (*key, at, seen, *one)
            for key, at, seen, one in zip(keys, about, created, packed, strict=True)
        )
        with self._open() as database, database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(_create(group))
            database.executemany(_upsert(group), rows)
            database.execute(
                "INSERT OR REPLACE INTO online VALUES (?, ?, ?, ?)",
                [group.name, group.version, _types(packing), self._clock.time_ns() // 1000],
            )
        return len(keys)

    def expire(self, group: FeatureGroup, *, now: datetime | None = None) -> int:
        """Delete rows that are older than the group's TTL, and return how many that was."""
        if group.ttl is None:
            return 0
        moment = pl.Series([(now or self._clock.now()) - duration(group.ttl)])
        oldest = int(moments(moment.dt.cast_time_unit("us"))[0])
        with self._open() as database, database:
            sql = f"DELETE FROM {table_of(group)} WHERE about < ?"  # noqa: S608 - the name is ours
            return database.execute(sql, [oldest]).rowcount

    def drop(self, group: FeatureGroup) -> None:
        """Delete a version of a group that no server reads any more."""
        with self._open() as database, database:
            database.execute(f"DROP TABLE IF EXISTS {table_of(group)}")
            database.execute(
                "DELETE FROM online WHERE grp = ? AND version = ?", [group.name, group.version]
            )

    def groups(self) -> pl.DataFrame:
        """Return which versions are served: group, version, keys, loaded_at."""
        with self._open() as database:
            rows = database.execute("SELECT grp, version, loaded_at FROM online").fetchall()
            count = "SELECT COUNT(*) FROM {}"
            told = [
                (*row[:2], database.execute(count.format(name_of(*row[:2]))).fetchone()[0], row[2])
                for row in rows
            ]
        schema = {"group": pl.String, "version": pl.String, "keys": pl.Int64, "loaded_at": pl.Int64}
        frame = pl.DataFrame(told, schema=schema, orient="row")
        return frame.with_columns(plain_time("loaded_at"))

    def reader(self, group: FeatureGroup) -> OnlineReader:
        """Return what reads this version of a group; for several threads.

        Raises:
            InputError: If this version was never loaded.
        """
        with self._open() as database:
            found = database.execute(
                "SELECT types FROM online WHERE grp = ? AND version = ?",
                [group.name, group.version],
            ).fetchone()
        if found is None:
            raise InputError(
                f"Version {group.version} of group `{group.name}` is not in {self.path.name}: "
                "load it before it is served."
            )
        schema = pl.read_ipc_stream(found[0]).schema
        return OnlineReader(self.path, group, Packing(schema), self._clock)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with connect(self.path) as database:
            yield database


def _latest(group: FeatureGroup, frame: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Return the rows that a request at this moment would get, one a key."""
    keys = (
        frame.select(group.by).drop_nulls().unique().sort(group.by)
        if group.by
        else pl.DataFrame({"_": [0]})
    )
    moment = pl.Series("_at", [as_of]).dt.cast_time_unit("us")
    asked = keys.with_columns(moment.new_from_index(0, keys.height))
    rows = as_of_rows(
        asked, frame, by=group.by, at="_at", time=group.time, created_at=group.created_at
    )
    return frame[rows[rows >= 0]]


def _columns(group: FeatureGroup) -> tuple[list[str], list[str]]:
    keys = [f"k{number}" for number in range(len(group.by))]
    return keys, [*keys, "about", "created", "packed", "text"]


def _create(group: FeatureGroup) -> str:
    keys, columns = _columns(group)
    one, primary = ("", ", ".join(keys)) if keys else (", one DEFAULT 0", "one")
    return (
        f"CREATE TABLE IF NOT EXISTS {table_of(group)} "
        f"({', '.join(columns)}{one}, PRIMARY KEY ({primary})) WITHOUT ROWID"
    )


def _upsert(group: FeatureGroup) -> str:
    _, columns = _columns(group)
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns[-4:])
    return (
        f"INSERT INTO {table_of(group)} ({', '.join(columns)}) "  # noqa: S608 - the names are ours
        f"VALUES ({', '.join('?' * len(columns))}) ON CONFLICT DO UPDATE SET {changes} "
        "WHERE (excluded.about, excluded.created) >= (about, created)"
    )


def _types(packing: Packing) -> bytes:
    body = io.BytesIO()
    pl.DataFrame(schema=dict(packing.schema)).write_ipc_stream(body)
    return body.getvalue()
