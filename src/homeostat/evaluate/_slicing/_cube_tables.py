"""Sums of a loss in every crossing of a few columns, in as few passes over the rows as can be.

Columns are packed into groups. A union of ``depth`` groups is summed once over the rows, into a
table with an axis a column; every crossing of up to ``depth`` columns lies in such a union, and
is the sum of its table over the other axes. Ten columns of six values at depth 3 take ten passes
over the rows instead of 175.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import NDArray

from homeostat.evaluate._slicing._cuts import Cut
from homeostat.stats import Floats

__all__ = ["Crossing", "crossings", "passes", "tables"]

Crossing = tuple[int, ...]
_ROWS_A_CELL = 1  # a table is at least this many times smaller than the rows, or not worth it
_LARGEST = 2**18  # cells: three such tables fit a processor's cache


def crossings(n_columns: int, depth: int) -> int:
    """Return how many crossings there are of 1 to ``depth`` of the columns."""
    return sum(
        prod(range(n_columns - width + 1, n_columns + 1)) // prod(range(1, width + 1))
        for width in range(1, min(depth, n_columns) + 1)
    )


def packed(sizes: Sequence[int], depth: int, n_rows: int) -> list[list[int]]:
    """Group the columns so that the table of ``depth`` groups stays small beside the rows."""
    most = max(min(n_rows / _ROWS_A_CELL, _LARGEST), 1.0) ** (1 / depth)
    groups: list[list[int]] = []
    room: list[float] = []
    for column in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        fits = [g for g, left in enumerate(room) if sizes[column] <= left]
        if fits:
            best = min(fits, key=room.__getitem__)
            groups[best].append(column)
            room[best] /= sizes[column]
        else:
            groups.append([column])
            room.append(most / max(sizes[column], 1))
    return groups


def passes(sizes: Sequence[int], depth: int, n_rows: int) -> int:
    """Return how often :func:`tables` goes through the rows."""
    groups = len(packed(sizes, depth, n_rows))
    width = min(depth, groups)
    return prod(range(groups - width + 1, groups + 1)) // prod(range(1, width + 1))


def tables(
    losses: Floats, cuts: Sequence[Cut], depth: int
) -> Iterator[tuple[list[Crossing], list[Floats]]]:
    """Give each crossing, once, with its rows, sum and sum of squares, shape (3, cells).

    Those of one pass over the rows come together. Cost: O(n) for each of :func:`passes`; memory
    O(n) and one table.
    """
    sizes = [len(one.slices) for one in cuts]
    groups = packed(sizes, depth, len(losses))
    squares, done = np.square(losses), set[Crossing]()
    for chosen in combinations(groups, min(depth, len(groups))):
        columns = sorted(column for group in chosen for column in group)
        new = [
            tuple(columns[i] for i in places)
            for width in range(1, min(depth, len(columns)) + 1)
            for places in combinations(range(len(columns)), width)
        ]
        new = [crossing for crossing in new if crossing not in done]
        done.update(new)
        shape = [sizes[column] for column in columns]
        code = _codes([cuts[column].codes for column in columns], shape)
        table: Floats = np.stack(
            [np.bincount(code, w, minlength=prod(shape)) for w in (None, losses, squares)]
        ).astype(np.float64, copy=False)
        summed = dict(_summed(table, columns, shape, new))
        yield new, [summed[crossing] for crossing in new]


def _codes(codes: Sequence[NDArray[np.intp]], shape: Sequence[int]) -> NDArray[np.intp]:
    found = codes[0]
    for more, size in zip(codes[1:], shape[1:], strict=True):
        found = found * size + more
    return found


def _summed(
    table: Floats, columns: Sequence[int], shape: Sequence[int], wanted: list[Crossing]
) -> Iterator[tuple[Crossing, Floats]]:
    """Sum a table, (3 * kept, cells of the columns left), down to each crossing that is wanted.

    Columns are left out from the first on: what is added up then lies side by side in memory.
    """
    if not columns:
        yield from ((crossing, table.reshape(3, -1)) for crossing in wanted)
        return
    first, size = columns[0], shape[0]
    keeping = [crossing for crossing in wanted if first in crossing]
    leaving = [crossing for crossing in wanted if first not in crossing]
    apart = table.reshape(-1, size, prod(shape[1:]))
    if keeping:
        yield from _summed(apart.reshape(-1, apart.shape[2]), columns[1:], shape[1:], keeping)
    if leaving:
        yield from _summed(_over(apart), columns[1:], shape[1:], leaving)


def _over(apart: Floats) -> Floats:
    """Sum over the middle axis; where the last is short, a slice at a time is quicker."""
    found: Floats = apart[:, 0].copy()
    for i in range(1, apart.shape[1]):
        found += apart[:, i]
    return found
