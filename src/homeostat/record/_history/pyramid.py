"""The pyramid of a series: low, high, first and last of every 128 points, every 512, and so on.

So a chart of any stretch reads a few thousand blocks and never all points.

No point is left out and none is drawn at random: a block's low and high are those of its points.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "LEAST_POINTS",
    "Blocks",
    "Key",
    "blocks_of",
    "extend",
    "grouped",
    "level_sizes",
    "load",
    "write_anew",
]

LEAST_POINTS = 1024
"""A series of fewer points has no pyramid: its points are read as soon."""

_BLOCK_POINTS = 128
_FACTOR = 4
_PART_BLOCKS = 1024
_FEW_BLOCKS = 32  # a level of so few has none above it

BLOCK = np.dtype(
    [
        ("x0", "<i8"),
        ("x1", "<i8"),
        ("low", "<f8"),
        ("high", "<f8"),
        ("first", "<f8"),
        ("last", "<f8"),
        ("count", "<i4"),
        ("nans", "<i4"),
    ]
)
Blocks = NDArray[np.void]


class Key(NamedTuple):
    """What a series is of."""

    run: str
    stream: str
    name: str


def blocks_of(steps: NDArray[np.int64], values: NDArray[np.float64], size: int) -> Blocks:
    """Return the blocks of ``size`` points each, the last with what is left.

    Args:
        steps: Shape (n,), rising.
        values: Shape (n,). NaN is counted and is no low or high; infinities are.
        size: Points of a block.
    """
    starts = np.arange(0, len(steps), size)
    blocks = np.empty(len(starts), BLOCK)
    if not len(starts):
        return blocks
    ends = np.append(starts[1:], len(steps)) - 1
    blocks["x0"], blocks["x1"] = steps[starts], steps[ends]
    blocks["first"], blocks["last"] = values[starts], values[ends]
    blocks["count"] = ends - starts + 1
    missing = np.isnan(values)
    if missing.any():
        blocks["nans"] = np.add.reduceat(missing.astype(np.int32), starts)
        blocks["low"] = np.fmin.reduceat(values, starts)
        blocks["high"] = np.fmax.reduceat(values, starts)
    else:
        blocks["nans"] = 0
        blocks["low"] = np.minimum.reduceat(values, starts)
        blocks["high"] = np.maximum.reduceat(values, starts)
    return blocks


def grouped(blocks: Blocks, size: int) -> Blocks:
    """Return blocks that each stand for ``size`` blocks, the last for what is left."""
    starts = np.arange(0, len(blocks), size)
    above = np.empty(len(starts), BLOCK)
    if not len(starts):
        return above
    ends = np.append(starts[1:], len(blocks)) - 1
    above["x0"], above["x1"] = blocks["x0"][starts], blocks["x1"][ends]
    above["first"], above["last"] = blocks["first"][starts], blocks["last"][ends]
    above["low"] = np.fmin.reduceat(blocks["low"], starts)
    above["high"] = np.fmax.reduceat(blocks["high"], starts)
    above["count"] = np.add.reduceat(blocks["count"], starts)
    above["nans"] = np.add.reduceat(blocks["nans"], starts)
    return above


def load(connection: sqlite3.Connection, key: Key, level: int, start: int, stop: int) -> Blocks:
    """Return blocks ``start`` to ``stop`` (not included) of a level."""
    first = start // _PART_BLOCKS
    held = connection.execute(
        "SELECT blocks FROM pyramid WHERE run = ? AND stream = ? AND name = ? AND level = ? "
        "AND part BETWEEN ? AND ? ORDER BY part",
        (*key, level, first, max(stop - 1, start) // _PART_BLOCKS),
    ).fetchall()
    blocks = np.frombuffer(b"".join(part for (part,) in held), BLOCK)
    return blocks[start - first * _PART_BLOCKS : stop - first * _PART_BLOCKS]


def level_sizes(points: int) -> list[int]:
    """Return how many blocks each level of a series of so many points has, the lowest first."""
    if points < LEAST_POINTS:
        return []
    sizes = [-(-points // _BLOCK_POINTS)]
    while sizes[-1] > _FEW_BLOCKS:
        sizes.append(-(-sizes[-1] // _FACTOR))
    return sizes


def write_anew(
    connection: sqlite3.Connection,
    key: Key,
    steps: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Write the pyramid of a series that has none; one of few points gets none."""
    if len(steps) >= LEAST_POINTS:
        _write(connection, key, 0, blocks_of(steps, values, _BLOCK_POINTS))


def extend(
    connection: sqlite3.Connection,
    key: Key,
    steps: NDArray[np.int64],
    values: NDArray[np.float64],
    count: int,
) -> None:
    """Add points after the ``count`` that a series with a pyramid has."""
    part = (count - 1) // _BLOCK_POINTS // _PART_BLOCKS
    start = part * _PART_BLOCKS
    known = load(connection, key, 0, start, start + _PART_BLOCKS)
    room = min(-count % _BLOCK_POINTS, len(steps))
    if room:
        last = np.concatenate([known[-1:], blocks_of(steps[:room], values[:room], room)])
        known = np.concatenate([known[:-1], grouped(last, 2)])
    fresh = blocks_of(steps[room:], values[room:], _BLOCK_POINTS)
    _write(connection, key, part, np.concatenate([known, fresh]))


def _write(connection: sqlite3.Connection, key: Key, part: int, blocks: Blocks) -> None:
    """Write the lowest level from a part on to its end, and what stands above it."""
    level = 0
    while True:
        parts = [
            (part + i // _PART_BLOCKS, blocks[i : i + _PART_BLOCKS])
            for i in range(0, len(blocks), _PART_BLOCKS)
        ]
        connection.executemany(
            "INSERT OR REPLACE INTO pyramid VALUES (?, ?, ?, ?, ?, ?)",
            [(*key, level, number, held.tobytes()) for number, held in parts],
        )
        if part * _PART_BLOCKS + len(blocks) <= _FEW_BLOCKS:
            return
        above = part // _FACTOR
        before = (part - above * _FACTOR) * (_PART_BLOCKS // _FACTOR)
        start = above * _PART_BLOCKS
        known = load(connection, key, level + 1, start, start + before)
        blocks = np.concatenate([known, grouped(blocks, _FACTOR)])
        part, level = above, level + 1
