"""The points of runs as arrays, after what was rewound or written again is left out.

Of points of one name and step the one written last counts: within a log by its place, between
logs by its time. What was written before a rewind, of a later step, does not count: within its
log by its place, in others by its time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.record._history.places import unpack_places
from homeostat.record._log.source import sealed_path

__all__ = ["Ask", "Piece", "Rewind", "Table", "pieces_of", "rewinds_of", "tables_of"]

_HEAD_BYTES = 16  # of a point: step and time

Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_POINTS = """
SELECT l.run, l.names, p.log, p.offset, p.layout, p.part, p.places, p.points FROM points p
JOIN (SELECT DISTINCT layout, run, names FROM layouts
  WHERE run IN (SELECT value FROM json_each(?)) AND stream = ?) l ON l.layout = p.layout
"""


@dataclass(slots=True)
class Piece:
    """Points of one layout, from one stretch of one log, in the order they were written.

    Args:
        log: Its name.
        offset: Where in it the first of them stands.
        layout: Of the points.
        names: Of the columns.
        steps: Shape (n,).
        times: Shape (n,), nanoseconds.
        values: Shape (n, columns).
        places: Where in the log they stand; see :func:`unpack_places`.
        row_bytes: How many bytes a point has in the log.
    """

    log: str
    offset: int
    layout: int
    names: list[str]
    steps: Ints
    times: Ints
    values: Floats
    places: bytes
    row_bytes: int

    def offsets(self) -> Ints:
        """Return where in the log the frame of each point starts."""
        return unpack_places(self.places, self.row_bytes)


class Rewind(NamedTuple):
    """That a run went back to a step."""

    log: str
    offset: int
    time: int
    step: int


class Table(NamedTuple):
    """Points of metrics that were always written together, by rising step.

    Args:
        names: Of the columns.
        steps: Shape (n,).
        times: Shape (n,), nanoseconds.
        values: Shape (n, columns).
    """

    names: list[str]
    steps: Ints
    times: Ints
    values: Floats


def pieces_of(
    ask: Ask,
    logs: Path,
    runs: Iterable[str],
    stream: str,
    *,
    names: Collection[str] | None = None,
    where: str = "",
    values: Sequence[Any] = (),
) -> dict[str, list[Piece]]:
    """Return the points of runs, by run, in the order of logs and places.

    Args:
        ask: Answers SQL.
        logs: Where the logs are.
        runs: Their ids.
        stream: ``"history"`` or ``"system"``.
        names: Of what metrics; None is all.
        where: SQL that must hold of the stretches ``p``.
        values: What stands for its question marks.
    """
    condition = f"WHERE {where} " if where else ""
    wanted = list(dict.fromkeys(runs))
    rows = ask(
        f"{_POINTS}{condition}ORDER BY p.log, p.offset, p.layout",
        (json.dumps(wanted), stream, *values),
    )
    found: dict[str, list[Piece]] = {run: [] for run in wanted}
    parts = _Parts(logs)
    for run, told, log, offset, layout, part, places, raw in rows:
        columns = json.loads(told)
        kept = [i for i, name in enumerate(columns) if names is None or name in names]
        width = _HEAD_BYTES + 8 * len(columns)
        if not kept or (np.frombuffer(places, "<i8")[3::4] % width).any():
            continue  # the last: who wrote it took other names for the same layout
        held = _plain(raw, width, kept) if part is None else parts.read(log, part, layout, kept)
        chosen = [columns[i] for i in kept]
        found[run].append(Piece(log, offset, layout, chosen, *held, places, width))
    return found


def rewinds_of(ask: Ask, runs: Iterable[str]) -> dict[str, list[Rewind]]:
    """Return the rewinds of runs, by run."""
    wanted = json.dumps(list(runs))
    found: dict[str, list[Rewind]] = {}
    for run, *rest in ask(
        "SELECT run, log, offset, time, step FROM rewinds "
        "WHERE run IN (SELECT value FROM json_each(?)) ORDER BY log, offset",
        (wanted,),
    ):
        found.setdefault(run, []).append(Rewind(*rest))
    return found


def tables_of(pieces: Iterable[Piece], rewinds: Sequence[Rewind]) -> list[Table]:
    """Join the points of one run: metrics that stand in the same layouts are one table."""
    by_layout: dict[int, list[Piece]] = {}
    for piece in pieces:
        by_layout.setdefault(piece.layout, []).append(piece)
    layouts_of: dict[str, list[int]] = {}
    for layout, held in by_layout.items():
        for name in dict.fromkeys(held[0].names):
            layouts_of.setdefault(name, []).append(layout)
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, layouts in layouts_of.items():
        groups.setdefault(tuple(layouts), []).append(name)
    return [
        _joined([piece for one in layouts for piece in by_layout[one]], names, rewinds)
        for layouts, names in groups.items()
    ]


def _joined(pieces: list[Piece], names: list[str], rewinds: Sequence[Rewind]) -> Table:
    pieces.sort(key=lambda piece: (piece.log, piece.offset))
    steps = _one([piece.steps for piece in pieces])
    times = _one([piece.times for piece in pieces])
    values = _one([_chosen(piece, names) for piece in pieces])
    if not rewinds and bool((steps[1:] > steps[:-1]).all()):
        return Table(names, steps, times, values)
    if not rewinds:
        order = np.argsort(steps, kind="stable")  # mostly sorted: it merges what is
        found = steps[order]
        if bool((found[1:] > found[:-1]).all()):
            return Table(names, found, times[order], values[order])
    logs = np.repeat(_numbered([piece.log for piece in pieces]), [len(p.steps) for p in pieces])
    offsets = _one([piece.offsets() for piece in pieces])
    counts = _counting(steps, times, logs, offsets, rewinds, sorted({p.log for p in pieces}))
    order = np.flatnonzero(counts)
    order = order[np.lexsort((offsets[order], logs[order], steps[order]))]
    order = order[_last_of(steps[order], logs[order])]
    order = order[np.lexsort((logs[order], times[order], steps[order]))]
    order = order[_last_of(steps[order])]
    return Table(names, steps[order], times[order], values[order])


def _counting(
    steps: Ints, times: Ints, logs: Ints, offsets: Ints, rewinds: Sequence[Rewind], names: list[str]
) -> NDArray[np.bool_]:
    """Say which points no rewind took back."""
    counts = np.ones(len(steps), np.bool_)
    for log, offset, time, step in rewinds:
        own = logs == (names.index(log) if log in names else -1)
        counts &= (steps <= step) | np.where(own, offsets > offset, times >= time)
    return counts


def _last_of(*keys: Ints) -> NDArray[np.bool_]:
    """Say which of sorted rows is the last of its keys."""
    last = np.ones(len(keys[0]), np.bool_)
    last[:-1] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return last


def _numbered(logs: list[str]) -> Ints:
    return np.unique(np.array(logs), return_inverse=True)[1].astype(np.int64)


def _chosen(piece: Piece, names: list[str]) -> Floats:
    if piece.names == names:
        return piece.values
    # Where a name stands twice in a layout its last column counts, as in a dict.
    last = {name: i for i, name in enumerate(piece.names)}
    return piece.values[:, [last[name] for name in names]]


def _one(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _plain(raw: bytes, width: int, kept: list[int]) -> tuple[Ints, Ints, Floats]:
    table = np.frombuffer(raw, "<i8").reshape(-1, width // 8)
    held = table.view("<f8")[:, 2:]
    whole = len(kept) == held.shape[1]
    return table[:, 0], table[:, 1], held if whole else held[:, kept]


class _Parts:
    """Parts of sealed logs; each is read once for all of its layouts."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._last: tuple[tuple[str, int], Any] | None = None

    def read(self, log: str, part: int, layout: int, kept: list[int]) -> tuple[Ints, Ints, Floats]:
        """Return steps, times and some of the columns."""
        from homeostat.record._log import sealed as _sealed  # noqa: PLC0415 - it needs Polars

        if self._last is None or self._last[0] != (log, part):
            path = sealed_path(self._logs / log)
            self._last = (log, part), _sealed.open_part(path, part)
        return _sealed.points_in(self._last[1], layout, kept)
