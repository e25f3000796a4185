"""Charts: a series as at most so many columns, each with its exact low, high, first and last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from homeostat.core import InputError
from homeostat.record._history.pyramid import BLOCK, Blocks, blocks_of, grouped, level_sizes
from homeostat.record._history.series import pieces_of, rewinds_of, tables_of
from homeostat.record._index.fold import fold
from homeostat.record._index.index import Index

__all__ = ["chart"]

_PART_BLOCKS = 1024
_FACTOR = 4
_MOST_POINTS = 1_000_000  # that one chart reads
_SERIES = """
SELECT run, count, first_step, last_step FROM series
WHERE run IN (SELECT value FROM json_each(?)) AND stream = ? AND name = ?
"""
_WHOLE = """
SELECT run, blocks FROM pyramid WHERE run IN (SELECT value FROM json_each(?))
AND stream = ? AND name = ? AND level = ? ORDER BY run, part
"""
_SOME = """
SELECT blocks FROM pyramid WHERE run = ? AND stream = ? AND name = ? AND level = ?
AND part BETWEEN ? AND ? ORDER BY part
"""
_OVERLAPS = """
EXISTS (SELECT 1 FROM spans s WHERE s.layout = p.layout AND s.log = p.log
  AND s.offset = p.offset AND s.high >= ? AND s.low <= ?)
"""
_RENAMED = {"low": "min", "high": "max"}


def chart(
    index: Index,
    runs: Sequence[str],
    name: str,
    *,
    columns: int,
    low: int | None,
    high: int | None,
    stream: str,
) -> pl.DataFrame:
    """Return columns by run and step."""
    if columns < 1:
        raise InputError(f"A chart has at least one column, got {columns}.")
    index.refresh()
    fold(index)
    wanted = list(dict.fromkeys(runs))
    known = {run: rest for run, *rest in index.rows(_SERIES, (json.dumps(wanted), stream, name))}
    whole = [run for run, (_, first, last) in known.items() if _covers(low, high, first, last)]
    found = _whole(index, {run: known[run][0] for run in whole}, stream, name, columns)
    for run in known.keys() - found.keys():
        count, first, last = known[run]
        asked = (first if low is None else low, last if high is None else high)
        found[run] = _stretch(index, (run, stream, name), count, asked, columns)
    fitted = {run: _fitted(found[run], columns) for run in wanted if run in found}
    return _frame(fitted)


def _covers(low: int | None, high: int | None, first: int, last: int) -> bool:
    return (low is None or low <= first) and (high is None or high >= last)


def _whole(
    index: Index, counts: dict[str, int], stream: str, name: str, columns: int
) -> dict[str, Blocks]:
    """Return whole series from the level that has enough blocks, many runs in one go."""
    levels: dict[int, list[str]] = {}
    for run, count in counts.items():
        levels.setdefault(_level(level_sizes(count), columns), []).append(run)
    _spare_points(levels, counts)
    held: dict[str, list[bytes]] = {}
    for level, runs in levels.items():
        if level >= 0:
            for run, blocks in index.rows(_WHOLE, (json.dumps(runs), stream, name, level)):
                held.setdefault(run, []).append(blocks)
    found = {run: np.frombuffer(b"".join(parts), BLOCK) for run, parts in held.items()}
    return found | _points(index, levels.get(-1, []), stream, name)


def _spare_points(levels: dict[int, list[str]], counts: dict[str, int]) -> None:
    """Where many runs are charted, read the lowest blocks rather than millions of points."""
    read = levels.get(-1, [])
    if sum(counts[run] for run in read) > _MOST_POINTS:
        levels[-1] = [run for run in read if not level_sizes(counts[run])]
        levels.setdefault(0, []).extend(run for run in read if level_sizes(counts[run]))


def _level(sizes: Sequence[int], columns: int) -> int:
    """Return the highest level with at least half as many blocks as columns; -1 is the points."""
    return max((level for level, size in enumerate(sizes) if 2 * size >= columns), default=-1)


def _points(
    index: Index, runs: Sequence[str], stream: str, name: str, span: tuple[int, int] | None = None
) -> dict[str, Blocks]:
    """Return points, each a block by itself."""
    if not runs:
        return {}
    where, bounds = (_OVERLAPS, span) if span and stream == "history" else ("", ())
    pieces = index.settled(
        lambda: pieces_of(
            index.rows, index.logs, runs, stream, names=[name], where=where, values=bounds
        )
    )
    rewinds = rewinds_of(index.rows, runs) if stream == "history" else {}
    found = {}
    for run, held in pieces.items():
        for piece in held if stream == "system" else ():
            piece.steps = piece.times
        for table in tables_of(held, rewinds.get(run, [])):
            start, stop = 0, len(table.steps)
            if span is not None:
                start = int(np.searchsorted(table.steps, span[0]))
                stop = int(np.searchsorted(table.steps, span[1], side="right"))
            values = np.ascontiguousarray(table.values[start:stop, 0])
            found[run] = blocks_of(table.steps[start:stop], values, 1)
    return found


def _stretch(
    index: Index, key: tuple[str, str, str], count: int, asked: tuple[int, int], columns: int
) -> Blocks:
    """Return the blocks of a stretch; where a block reaches beyond it, what is below of it."""
    sizes = level_sizes(count)
    level, start, stop = len(sizes) - 1, 0, sizes[-1] if sizes else 0
    while level >= 0:
        blocks = _load(index, key, level, start, stop)
        first = int(np.searchsorted(blocks["x1"], asked[0]))
        after = int(np.searchsorted(blocks["x0"], asked[1], side="right"))
        blocks, start, stop = blocks[first:after], start + first, start + after
        if 2 * len(blocks) >= columns:
            return _exact(index, key, level, (start, stop), asked)
        level, start, stop = level - 1, start * _FACTOR, stop * _FACTOR
    return _cut(_points(index, [key[0]], *key[1:], span=asked).get(key[0]), asked)


def _exact(
    index: Index,
    key: tuple[str, str, str],
    level: int,
    place: tuple[int, int],
    asked: tuple[int, int],
) -> Blocks:
    """Return blocks of a level; of the two at the ends only what lies within, as one block."""
    if level < 0:
        return _cut(_points(index, [key[0]], *key[1:], span=asked).get(key[0]), asked)
    blocks = _load(index, key, level, *place)
    meets = (blocks["x1"] >= asked[0]) & (blocks["x0"] <= asked[1])
    inside = (blocks["x0"] >= asked[0]) & (blocks["x1"] <= asked[1])
    parts = []
    for number in np.flatnonzero(meets & ~inside).tolist():
        below = (place[0] + number) * _FACTOR
        edge = blocks[number]
        span = max(asked[0], int(edge["x0"])), min(asked[1], int(edge["x1"]))
        held = _exact(index, key, level - 1, (below, below + _FACTOR), span)
        parts.append(grouped(held, max(len(held), 1)))
    joined = np.concatenate([blocks[inside], *parts])
    return joined[np.argsort(joined["x0"], kind="stable")]


def _load(index: Index, key: tuple[str, str, str], level: int, start: int, stop: int) -> Blocks:
    first = start // _PART_BLOCKS
    parts = index.rows(_SOME, (*key, level, first, max(stop - 1, start) // _PART_BLOCKS))
    blocks = np.frombuffer(b"".join(part for (part,) in parts), BLOCK)
    return blocks[start - first * _PART_BLOCKS : stop - first * _PART_BLOCKS]


def _cut(blocks: Blocks | None, asked: tuple[int, int]) -> Blocks:
    if blocks is None:
        return np.empty(0, BLOCK)
    return blocks[(blocks["x0"] >= asked[0]) & (blocks["x1"] <= asked[1])]


def _fitted(blocks: Blocks, columns: int) -> Blocks:
    size = -(-len(blocks) // columns)
    return grouped(blocks, size) if size > 1 else blocks


def _frame(found: dict[str, Blocks]) -> pl.DataFrame:
    blocks = np.concatenate([np.empty(0, BLOCK), *found.values()])
    names = pl.Series("run", list(found), dtype=pl.String())
    numbers = np.repeat(np.arange(len(found)), [len(held) for held in found.values()])
    held: dict[str, Any] = {
        _RENAMED.get(name, name): np.ascontiguousarray(blocks[name]) for name in BLOCK.names or ()
    }
    return pl.DataFrame([names.gather(numbers)]).hstack(pl.DataFrame(held))
