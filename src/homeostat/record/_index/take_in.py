"""Taking a log into the index: from where it was read to, up to its end."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat.record._index.rows import Rows
from homeostat.record._log.frame import Frame
from homeostat.record._log.read_log import LogReading, read_log
from homeostat.record._log.source import sealed_path

if TYPE_CHECKING:
    from homeostat.record._log.bulk import Frames

__all__ = ["points_of_sealed", "take_in"]

_BATCH_FRAMES = 50_000


def take_in(connection: sqlite3.Connection, path: Path, consumed: int, *, bulk: bool) -> int:
    """Take in what a log has after its first ``consumed`` bytes; return the number of frames."""
    reading = read_log(path, consumed)
    sealed = sealed_path(path).exists()
    if sealed:
        stretches = _of_sealed(reading)
    else:
        stretches = _of_frames(path.name, reading.batches() if bulk else reading)
    frames = sum(_insert(connection, rows) for rows in stretches)
    damaged = Rows(path.name)
    for item in reading.damage:
        if item.reason == "corrupt":
            damaged.add_damage(item.offset, item.length, item.reason)
    _insert(connection, damaged)
    connection.execute(
        "INSERT OR REPLACE INTO logs VALUES (?, ?, ?)", (path.name, reading.end, sealed)
    )
    return frames


def points_of_sealed(path: Path) -> list[tuple[object, ...]]:
    """Return the rows of the points in a sealed log."""
    return [row for rows in _of_sealed(read_log(path)) for row in rows.tables()["points"]]


def _of_frames(log: str, items: Iterable[Frame | Frames]) -> Iterator[Rows]:
    rows = Rows(log)
    for item in items:
        if isinstance(item, Frame):
            rows.add(item)
        else:
            rows.add_frames(item)
        if rows.frames >= _BATCH_FRAMES:
            yield rows
            rows = Rows(log)
    yield rows


def _of_sealed(reading: LogReading) -> Iterator[Rows]:
    """Yield rows of a sealed log; of points that a part holds as columns, only where they are."""
    from homeostat.record._log.sealed import frames_of, parts_with_points  # noqa: PLC0415 - Polars

    sealed = sealed_path(reading.path)
    parts = parts_with_points(sealed)
    done = -1
    while reading.end > done:
        done = reading.end
        if (found := parts.get(reading.end)) is not None:
            number, layouts = found
            rows = Rows(reading.path.name, number, layouts)
            held = frames_of(sealed, number)
            rows.add_frames(held)
            reading.end += held.end
            yield rows
            continue
        until = min((start for start in parts if start > reading.end), default=None)
        yield from _of_frames(reading.path.name, reading.batches(until))


def _insert(connection: sqlite3.Connection, rows: Rows) -> int:
    for table, values in rows.tables().items():
        if values:
            places = ", ".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({places})", values)  # noqa: S608 - our own names
    connection.execute(
        "INSERT OR IGNORE INTO dirty SELECT value FROM json_each(?)", (json.dumps([*rows.runs()]),)
    )
    connection.execute(
        "INSERT OR IGNORE INTO dirty SELECT run FROM layouts WHERE layout IN "
        "(SELECT CAST(value AS INTEGER) FROM json_each(?))",
        (json.dumps([*rows.layouts()]),),
    )
    return rows.frames
