"""OnlineReader: the values of a key, read in microseconds."""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from homeostat.core import Clock, InputError, SchemaError, StorageError, duration, require_columns
from homeostat.features._group import FeatureGroup
from homeostat.features._packing import Packing

__all__ = ["OnlineReader", "name_of", "plain_keys", "table_of"]


class OnlineReader:
    """Reads one version of a group by key; each thread has a connection of its own.

    Args:
        path: The database.
        group: Whose values.
        packing: How they are packed.
        clock: What "now" is.
    """

    def __init__(self, path: Path, group: FeatureGroup, packing: Packing, clock: Clock) -> None:
        self.group, self._path, self._packing, self._clock = group, path, packing, clock
        self._n = len(group.by)
        where = " AND ".join(f"k{number} = ?" for number in range(self._n)) or "1"
        self._sql = f"SELECT about, packed, text FROM {table_of(group)} WHERE {where}"  # noqa: S608 - the names are ours
        self._ttl_us = (
            None if group.ttl is None else duration(group.ttl) // timedelta(microseconds=1)
        )
        self._nothing = dict.fromkeys(group.features.names)
        self._local = threading.local()

    def get(self, *key: int | str, at_us: int | None = None) -> dict[str, object]:
        """Return the values of a key by feature; None each where it has none or they are too old.

        Args:
            key: As many values as the group has key columns.
            at_us: The moment, microseconds since 1970, that the TTL is held against; now unless
                told.

        Raises:
            InputError: If the key has another number of values.
            StorageError: If the database cannot be read.
        """
        row = self._row(key, at_us)
        return self._nothing.copy() if row is None else self._packing.read(*row)

    def frame(self, keys: pl.DataFrame, *, at_us: int | None = None) -> pl.DataFrame:
        """Return the values for many keys: one row each, in order, of the types of training."""
        columns = plain_keys(
            require_columns(keys, self.group.by).select(self.group.by), keys.height
        )
        return self._packing.frame([self._row(key, at_us) for key in columns])

    def event_time(self, *key: int | str) -> datetime | None:
        """Return the moment that a key's values are about, however old; None where it has none."""
        found = self._fetch(key)
        if found is None:
            return None
        return pl.Series([found[0]]).cast(pl.Datetime("us", "UTC")).item()  # type: ignore[no-any-return]

    def _row(
        self, key: tuple[int | str, ...], at_us: int | None
    ) -> tuple[bytes, bytes | None] | None:
        found = self._fetch(key)
        if found is None:
            return None
        about, packed, text = found
        if self._ttl_us is not None:
            now = self._clock.time_ns() // 1000 if at_us is None else at_us
            if about < now - self._ttl_us:
                return None
        return packed, text

    def _fetch(self, key: tuple[int | str, ...]) -> tuple[int, bytes, bytes | None] | None:
        if len(key) != self._n:
            raise InputError(
                f"Group `{self.group.name}` has the key {', '.join(self.group.by)}, got "
                f"{len(key)} values."
            )
        try:
            return self._connection().execute(self._sql, key).fetchone()  # type: ignore[no-any-return]
        except (sqlite3.Error, OverflowError) as error:
            raise StorageError(f"{self._path} cannot be read: {error}.") from error

    def _connection(self) -> sqlite3.Connection:
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is None:
            held = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            held.execute("PRAGMA query_only = 1")
            held.execute("PRAGMA mmap_size = 1073741824")
            self._local.connection = held
        return held


def plain_keys(keys: pl.DataFrame, height: int) -> list[tuple[int | str, ...]]:
    """Return keys as SQLite compares them: whole numbers and text."""
    for name, dtype in keys.schema.items():
        text = isinstance(dtype, (pl.String, pl.Categorical, pl.Enum))
        if not (text or dtype.is_integer() or dtype == pl.Boolean):
            raise SchemaError(
                f"A key that is served is a whole number or text, `{name}` is {dtype}: cast it."
            )
    return keys.rows() if keys.width else [()] * height


def name_of(group: str, version: str) -> str:
    quoted = group.replace('"', '""')
    return f'"{quoted} {version}"'


def table_of(group: FeatureGroup) -> str:
    return name_of(group.name, group.version)
