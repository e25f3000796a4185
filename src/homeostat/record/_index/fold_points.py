"""The statistics and the pyramid of every series of a run, kept in step with its points."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.record._history.pyramid import LEAST_POINTS, Key, extend, write_anew
from homeostat.record._history.series import Piece, Table, pieces_of, rewinds_of, tables_of

__all__ = ["fold_points", "mark", "note_spans"]

_SMALL_BYTES = 256 << 10  # a run of fewer is made anew sooner than it is added to
_MANY_BYTES = 64 << 20  # to be held in memory at a time
_PART_BYTES = 4 << 20  # about what a part of a sealed log holds

_HELD = """
SELECT l.run, p.log, count(*), max(p.offset), sum(coalesce(length(p.points), ?)) FROM points p
JOIN (SELECT DISTINCT layout, run FROM layouts WHERE run IN (SELECT value FROM json_each(?))) l
  ON l.layout = p.layout GROUP BY l.run, p.log ORDER BY l.run, p.log
"""
_STREAMS = "SELECT DISTINCT stream FROM layouts WHERE run = ?"


class _Held(NamedTuple):
    """How many stretches of points a run has by log, where the last starts, and their bytes."""

    logs: dict[str, list[int]]
    rewinds: int
    size: int

    def said(self) -> str:
        return json.dumps({"logs": self.logs, "rewinds": self.rewinds})


def fold_points(connection: sqlite3.Connection, logs: Path, runs: Sequence[str]) -> None:
    """Bring statistics and pyramids of runs up to date with their points."""
    known = _known(connection, runs)
    anew: list[tuple[str, int]] = []
    now = _held(connection, runs)
    _clear(connection, [run for run in known if run not in now])
    for run, held in now.items():
        if held.said() == known.get(run):
            continue
        if held.size <= _SMALL_BYTES or not _add(connection, logs, run, known.get(run), held):
            anew.append((run, held.size))
        _mark(connection, run, held)
    for some in _batches(anew):
        _make_anew(connection, logs, some)


def note_spans(connection: sqlite3.Connection, logs: Path, runs: Sequence[str], log: str) -> None:
    """Note from which step to which the stretches of a log go."""
    for stream in ("history", "system"):
        found = pieces_of(_asking(connection), logs, runs, stream, where="p.log = ?", values=[log])
        for pieces in found.values():
            _note_spans(connection, pieces)


def mark(connection: sqlite3.Connection, runs: Sequence[str]) -> None:
    """Note that the points of runs are folded as they stand in the index now."""
    for run, held in _held(connection, runs).items():
        _mark(connection, run, held)


def _known(connection: sqlite3.Connection, runs: Sequence[str]) -> dict[str, str]:
    sql = "SELECT run, said FROM marks WHERE run IN (SELECT value FROM json_each(?))"
    return dict(connection.execute(sql, (json.dumps(list(runs)),)).fetchall())


def _mark(connection: sqlite3.Connection, run: str, held: _Held) -> None:
    connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (run, held.said()))


def _held(connection: sqlite3.Connection, runs: Sequence[str]) -> dict[str, _Held]:
    wanted = json.dumps(list(runs))
    logs: dict[str, dict[str, list[int]]] = {}
    sizes: dict[str, int] = {}
    for run, log, count, last, size in connection.execute(_HELD, (_PART_BYTES, wanted)):
        logs.setdefault(run, {})[log] = [count, last]
        sizes[run] = sizes.get(run, 0) + size
    rewinds = dict(
        connection.execute(
            "SELECT run, count(*) FROM rewinds WHERE run IN (SELECT value FROM json_each(?)) "
            "GROUP BY run",
            (wanted,),
        ).fetchall()
    )
    return {run: _Held(held, rewinds.get(run, 0), sizes[run]) for run, held in logs.items()}


def _batches(runs: list[tuple[str, int]]) -> Iterator[list[str]]:
    batch: list[str] = []
    held = 0
    for run, size in runs:
        if batch and held + size > _MANY_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(run)
        held += size
    if batch:
        yield batch


def _clear(
    connection: sqlite3.Connection,
    runs: Sequence[str],
    tables: Sequence[str] = ("series", "pyramid", "marks"),
) -> None:
    for table in tables:
        connection.execute(
            f"DELETE FROM {table} WHERE run IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own names
            (json.dumps(list(runs)),),
        )


def _make_anew(connection: sqlite3.Connection, logs: Path, runs: list[str]) -> None:
    wanted = json.dumps(runs)
    _clear(connection, runs, ("series", "pyramid"))
    rewinds = rewinds_of(_asking(connection), runs)
    streams = connection.execute(
        "SELECT DISTINCT stream FROM layouts WHERE run IN (SELECT value FROM json_each(?))",
        (wanted,),
    ).fetchall()
    for (stream,) in streams:
        for run, pieces in pieces_of(_asking(connection), logs, runs, stream).items():
            _note_spans(connection, pieces)
            for table in _tables(stream, pieces, rewinds.get(run, [])):
                _write(connection, run, stream, table)


def _tables(stream: str, pieces: list[Piece], rewinds: Sequence[Any]) -> list[Table]:
    """Join pieces; what the machine did has no steps: there each point counts, by its time."""
    if stream == "system":
        for piece in pieces:
            piece.steps = piece.times
        rewinds = ()
    return tables_of(pieces, rewinds)


def _write(connection: sqlite3.Connection, run: str, stream: str, table: Table) -> None:
    if not len(table.steps):
        return
    results = _results(table, None)
    connection.executemany(
        f"INSERT INTO series VALUES ({', '.join('?' * 13)})",  # noqa: S608 - our own text
        [(run, stream, *row) for row in results],
    )
    if len(table.steps) >= LEAST_POINTS:
        for place, name in enumerate(table.names):
            column = np.ascontiguousarray(table.values[:, place])
            write_anew(connection, Key(run, stream, name), table.steps, column)


def _results(table: Table, before: Mapping[str, Sequence[Any]] | None) -> Iterator[tuple[Any, ...]]:
    """Yield the row of each series of a table, added to the row that it had."""
    values, count = table.values, len(table.steps)
    missing = np.isnan(values)
    first, last = int(table.steps[0]), int(table.steps[-1])
    with np.errstate(all="ignore"):
        numbers = np.where(missing, 0.0, values) if missing.any() else values
        starts = np.array(
            [_real(before[name][4], np.nan) if before else 0.0 for name in table.names]
        )
        # Added one after the other, so that the sum is the same however the points came in.
        totals = np.add.accumulate(np.vstack([starts[None, :], numbers]), axis=0)[-1]
        columns = [
            missing.sum(axis=0),
            np.fmin.reduce(values, axis=0),
            np.fmax.reduce(values, axis=0),
            totals,
            values[0],
            values[-1],
        ]
    time = int(table.times[-1])
    for name, nans, low, high, total, one, other in zip(
        table.names, *(column.tolist() for column in columns), strict=True
    ):
        row = (name, count, nans, low, high, total, one, other, first, last, time)
        yield row if before is None else _added(before[name], row)


def _added(before: Sequence[Any], row: tuple[Any, ...]) -> tuple[Any, ...]:
    name, count, nans, low, high, total, _, last, _, last_step, last_time = row
    counted, missed, lowest, highest, _, first, _, first_step, *_ = before
    low = float(np.fmin(_real(lowest, np.nan), low))
    high = float(np.fmax(_real(highest, np.nan), high))
    counts = counted + count, missed + nans
    return (name, *counts, low, high, total, first, last, first_step, last_step, last_time)


def _real(value: float | None, missing: float) -> float:
    return missing if value is None else value


def _add(
    connection: sqlite3.Connection, logs: Path, run: str, known: str | None, held: _Held
) -> bool:
    """Add points that only follow those before them; say whether that was so."""
    said: dict[str, Any] = json.loads(known) if known else {}
    if not said or said["rewinds"] != held.rewinds:
        return False
    where, values = [], []
    for log, (count, _) in held.logs.items():
        before, place = said["logs"].get(log, [0, -1])
        fresh = _fresh(connection, run, log, place)
        if before + fresh != count:
            return False  # a layout became known only now
        where.append("(p.log = ? AND p.offset > ?)")
        values += [log, place]
    rewinds = rewinds_of(_asking(connection), [run]).get(run, [])
    if rewinds:
        return False
    tables = []
    for (stream,) in connection.execute(_STREAMS, (run,)).fetchall():
        pieces = pieces_of(
            _asking(connection), logs, [run], stream, where=" OR ".join(where), values=values
        )[run]
        joined = _tables(stream, pieces, ())
        before = _rows_before(connection, run, stream)
        if not all(_follows(table, before) for table in joined):
            return False
        tables.append((stream, pieces, joined, before))
    for stream, pieces, joined, before in tables:
        _note_spans(connection, pieces)
        for table in joined:
            _extend(connection, run, stream, table, before)
    return True


def _fresh(connection: sqlite3.Connection, run: str, log: str, place: int) -> int:
    [(count,)] = connection.execute(
        "SELECT count(*) FROM points p WHERE log = ? AND offset > ? AND layout IN "
        "(SELECT layout FROM layouts WHERE run = ?)",
        (log, place, run),
    )
    return int(count)


def _rows_before(
    connection: sqlite3.Connection, run: str, stream: str
) -> dict[str, tuple[Any, ...]]:
    return {
        name: tuple(row)
        for name, *row in connection.execute(
            "SELECT name, count, nans, low, high, total, first, last, first_step, last_step, "
            "last_time FROM series WHERE run = ? AND stream = ?",
            (run, stream),
        )
    }


def _follows(table: Table, before: Mapping[str, Sequence[Any]]) -> bool:
    """Say whether points may be added: none of them stands before what is there."""
    for name in table.names:
        row = before.get(name)
        if row is None:
            continue
        grows = row[0] < LEAST_POINTS <= row[0] + len(table.steps)
        if grows or (len(table.steps) and int(table.steps[0]) <= row[8]):
            return False
    return True


def _extend(
    connection: sqlite3.Connection,
    run: str,
    stream: str,
    table: Table,
    before: Mapping[str, tuple[Any, ...]],
) -> None:
    for place, name in enumerate(table.names):
        one = Table([name], table.steps, table.times, table.values[:, place : place + 1])
        if name not in before:
            _write(connection, run, stream, one)
            continue
        [row] = _results(one, before)
        connection.execute(
            f"INSERT OR REPLACE INTO series VALUES ({', '.join('?' * 13)})",  # noqa: S608 - our own text
            (run, stream, *row),
        )
        if before[name][0] >= LEAST_POINTS:
            column: NDArray[np.float64] = np.ascontiguousarray(one.values[:, 0])
            extend(connection, Key(run, stream, name), one.steps, column, before[name][0])


def _note_spans(connection: sqlite3.Connection, pieces: Sequence[Piece]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?)",
        [
            (one.layout, one.log, one.offset, int(one.steps.min()), int(one.steps.max()))
            for one in pieces
            if len(one.steps)
        ],
    )


def _asking(connection: sqlite3.Connection) -> Any:  # noqa: ANN401 - the seam of `_series`
    return lambda sql, values: connection.execute(sql, values).fetchall()
