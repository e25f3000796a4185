"""What runs say now, folded from their frames into one row each; only runs that changed.

A fold is a function of the frames: it comes out the same whether the index was filled little by
little or at once. Points that only follow those before them are added to what was folded; after
anything else (a rewind, a step written again, another log) the series of the run is made anew.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from homeostat.record._index.fold_points import fold_points
from homeostat.record._index.index import Index
from homeostat.record._index.state import State
from homeostat.record._index.summary import Series, finite, summary_of
from homeostat.record._json import to_bytes

__all__ = ["fold"]

_BATCH = 500

_RUNS = """
SELECT run, time, kind, name, system, parent, config, about, process, command, lease,
  max(max(coalesce(beat, 0), held), time), status, finished, error, exit_code
FROM runs WHERE run IN (SELECT value FROM json_each(?))
"""
_UPDATES = """
SELECT run, name, config, summary, about, metrics, removed FROM updates
WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, time, log, offset
"""
_SERIES = """
SELECT run, stream, name, count, nans, low, high, total, first, last, last_step, last_time
FROM series WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, stream, name
"""
_ROWS = """
SELECT r.run, max(r.step), max(r.time) FROM rows r
WHERE r.run IN (SELECT value FROM json_each(?))
AND NOT EXISTS (SELECT 1 FROM rewinds w WHERE w.run = r.run AND w.step < r.step
  AND CASE WHEN w.log = r.log THEN w.offset > r.offset ELSE w.time > r.time END)
GROUP BY r.run
"""

_PRINTED = """
SELECT run, max(time) FROM console WHERE run IN (SELECT value FROM json_each(?)) GROUP BY run
"""


def fold(index: Index) -> None:
    """Bring the rows of all runs up to date with the index."""
    while index.rows("SELECT 1 FROM dirty LIMIT 1"):
        index.settled(lambda: index.change(lambda connection: _fold_some(connection, index.logs)))


def _fold_some(connection: sqlite3.Connection, logs: Path) -> None:
    runs = connection.execute("SELECT run FROM dirty ORDER BY run LIMIT ?", (_BATCH,)).fetchall()
    wanted = json.dumps([run for (run,) in runs])
    fold_points(connection, logs, [run for (run,) in runs])
    updates = dict(_by_run(connection, _UPDATES, wanted))
    series = dict(_by_run(connection, _SERIES, wanted))
    rows = {run: rest for run, *rest in connection.execute(_ROWS, (wanted,))}
    printed = dict(connection.execute(_PRINTED, (wanted,)).fetchall())
    folded = [
        _row(
            row,
            updates.get(row[0], ()),
            series.get(row[0], ()),
            rows.get(row[0]) or (-1, 0),
            printed.get(row[0], 0),
        )
        for row in connection.execute(_RUNS, (wanted,)).fetchall()
    ]
    places = ", ".join("?" * 19)
    connection.executemany(f"INSERT OR REPLACE INTO folded VALUES ({places})", folded)  # noqa: S608 - our own text
    connection.execute("DELETE FROM dirty WHERE run IN (SELECT value FROM json_each(?))", (wanted,))


def _by_run(
    connection: sqlite3.Connection, sql: str, wanted: str
) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    for run, rows in groupby(connection.execute(sql, (wanted,)), itemgetter(0)):
        yield run, [row[1:] for row in rows]


def _row(
    row: tuple[Any, ...],
    updates: Sequence[tuple[Any, ...]],
    series: Sequence[tuple[Any, ...]],
    rows: Sequence[int],
    printed: int,
) -> tuple[Any, ...]:
    run, time, kind, name, system, parent, config, about, *rest = row
    process, command, lease, heard, *end = rest
    state = State(name, json.loads(config or "{}"), json.loads(about or "{}"))
    for update in updates:
        state.apply(update)
    history = [Series(*told) for stream, *told in series if stream == "history"]
    step = max([one.last_step for one in history] + [rows[0]])
    heard = max([heard, rows[1], printed, *(told[-1] for told in series)])
    parts = (state.config, state.about, finite(summary_of(history, state)), state.metrics)
    texts = [to_bytes(part).decode() for part in parts]
    start = (run, time, kind, state.name, system, parent)
    return (*start, *texts, process, command, lease, heard, *end, step)
