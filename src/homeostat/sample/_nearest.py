"""The nearest other row of some rows, exactly, by matrix products in float32.

A product of float32 matrices gives all distances of two blocks at once, with an error that is
bounded beforehand. Only where that bound leaves a doubt are distances taken again in float64. In
up to eight dimensions a k-d tree looks at fewer rows still.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from homeostat.sample._space import Rows, Space
from homeostat.stats import Floats

__all__ = ["closer_exists", "nearest"]

_QUERIES, _BLOCK, _CELL = 256, 4096, 128
_TREE_UP_TO = 8  # dimensions
_STAGES = (64, 8)  # a first look at every 64th row, then at every 8th

Floats32 = NDArray[np.float32]
T = TypeVar("T")


def nearest(space: Space, rows: Rows) -> tuple[Floats, Rows, Rows]:
    """Find the rows nearest to given ones, themselves left out.

    Args:
        space: At least two points.
        rows: Which rows' neighbours are wanted, shape (q,).

    Returns:
        The squared distance of each to its nearest, shape (q,); and all pairs at that very
        distance, as places in ``rows`` and rows of the space, shapes (m,).
    """
    if space.x.shape[1] <= _TREE_UP_TO:
        at, other = _by_tree(space, rows)
    else:
        at, other = _by_products(space, rows)
    apart = space.squared(rows[at], other)
    least = np.full(len(rows), np.inf)
    np.minimum.at(least, at, apart)
    tied = apart == least[at]
    return least, at[tied], other[tied]


def closer_exists(space: Space, rows: Rows, than: Floats) -> NDArray[np.bool_]:
    """Say of which rows it is certain that another row is closer than a squared distance.

    Args:
        space: The points.
        rows: Shape (q,).
        than: Squared distances, shape (q,).

    Returns:
        Shape (q,); False is no proof that there is none. Most rows of a crowd are settled by a
        few of their crowd, so this costs a small part of :func:`nearest`.
    """
    closer = np.zeros(len(rows), np.bool_)
    if space.x.shape[1] <= _TREE_UP_TO:
        return closer
    for every in _STAGES:
        open_ = np.flatnonzero(~closer)
        search = _Search(space, np.arange(every // 2, space.n, every))
        if not len(open_) or not search.n:
            continue

        def settle(part: Rows, open_: Rows = open_, search: _Search = search) -> NDArray[np.bool_]:
            at = open_[part]
            found, doubt = search.cells(rows[at])
            proved: NDArray[np.bool_] = (found + doubt).min(axis=1) < than[at] * space.unit**2
            return proved

        closer[open_] = np.concatenate(_in_threads(settle, _chunks(len(open_))))
    return closer


def _by_tree(space: Space, rows: Rows) -> tuple[Rows, Rows]:
    """Return pairs among which each row's nearest are: those not farther than the tree's."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 - loaded where it serves

    tree = cKDTree(space.scaled)
    near = space.scaled[rows]
    apart_from = np.asarray(tree.query(near, k=2)[0])
    reach = apart_from[:, 1] * (1 + 1e-9) + 1e-12  # no scaled norm is above 1
    balls = tree.query_ball_point(near, reach)
    at = np.repeat(np.arange(len(rows)), np.fromiter(map(len, balls), np.intp, len(rows)))
    other = np.concatenate([np.asarray(ball, np.intp) for ball in balls] or [at])
    apart = other != rows[at]
    return at[apart], other[apart]


class _Search:
    """Targets laid out for products: their float32 coordinates with the squared norm."""

    def __init__(self, space: Space, targets: Rows) -> None:
        near = space.scaled if len(targets) == space.n else space.scaled[targets]
        self.targets, self.n, self.points = targets, len(targets), space.scaled
        norms = np.einsum("ij,ij->i", near, near)
        self.table = np.concatenate([near, norms[:, None]], axis=1).astype(np.float32)
        self.place = np.full(space.n, -1, np.intp)
        self.place[targets] = np.arange(self.n)
        starts = np.arange(0, self.n, _CELL)
        self.largest = np.sqrt(np.maximum.reduceat(norms, starts)) if self.n else norms

    def cells(self, rows: Rows) -> tuple[Floats32, Floats]:
        """Return the least squared distance of rows to each cell of targets, and its doubt.

        Shapes (q, cells) both; a row itself is left out.
        """
        near = self.points[rows]
        norms = np.einsum("ij,ij->i", near, near)
        left = np.concatenate([-2 * near, np.ones((len(rows), 1))], axis=1).astype(np.float32)
        least = np.empty((len(rows), len(self.largest)), np.float32)
        room = np.empty((len(rows), min(_BLOCK, self.n)), np.float32)
        own = self.place[rows]
        for start in range(0, self.n, _BLOCK):
            stop = min(start + _BLOCK, self.n)
            product = np.matmul(left, self.table[start:stop].T, out=room[:, : stop - start])
            itself = np.flatnonzero((own >= start) & (own < stop))
            product[itself, own[itself] - start] = np.inf
            _least_of_cells(product, least[:, start // _CELL : -(-stop // _CELL)])
        least += norms[:, None].astype(np.float32)
        scale = np.sqrt(norms)[:, None] + self.largest[None, :]
        return least, (2 * near.shape[1] + 8) * np.finfo(np.float32).eps * scale**2


def _least_of_cells(product: Floats32, out: Floats32) -> None:
    whole = product.shape[1] // _CELL
    cut = product[:, : whole * _CELL].reshape(len(product), whole, _CELL)
    cut.min(axis=2, out=out[:, :whole])
    if whole < out.shape[1]:
        out[:, whole] = product[:, whole * _CELL :].min(axis=1)


def _by_products(space: Space, rows: Rows) -> tuple[Rows, Rows]:
    """Return pairs among which each row's nearest are: all of the cells that may hold one."""
    search = _Search(space, np.arange(space.n))

    def look(part: Rows) -> tuple[Rows, Rows]:
        found, doubt = search.cells(rows[part])
        best = (found + doubt).min(axis=1)
        row, cell = np.nonzero(found - doubt <= best[:, None])
        return _nearest_in(space, rows[part], row, cell, part)

    pairs = _in_threads(look, _chunks(len(rows)))
    if not pairs:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    at, other = (np.concatenate(one) for one in zip(*pairs, strict=True))
    return at, other


def _nearest_in(space: Space, rows: Rows, row: Rows, cell: Rows, at: Rows) -> tuple[Rows, Rows]:
    """Reduce doubtful cells to pairs at the least exact distance, some cells at a time."""
    best = np.full(len(rows), np.inf)
    kept: list[tuple[Rows, Rows, Floats]] = []
    for start in range(0, len(row), 2048):
        one, where = row[start : start + 2048], cell[start : start + 2048]
        a = np.repeat(one, _CELL)
        b = (where[:, None] * _CELL + np.arange(_CELL)).ravel()
        there = (b < space.n) & (b != rows[a])
        a, b = a[there], b[there]
        apart = space.squared(rows[a], b)
        np.minimum.at(best, a, apart)
        near = apart <= best[a]
        kept.append((a[near], b[near], apart[near]))
    a, b, apart = (np.concatenate(one) for one in zip(*kept, strict=True))
    tied = apart == best[a]
    return at[a[tied]], b[tied]


def _chunks(n: int) -> Iterator[Rows]:
    for start in range(0, n, _QUERIES):
        yield np.arange(start, min(start + _QUERIES, n))


def _in_threads(work: Callable[[Rows], T], parts: Iterator[Rows]) -> list[T]:
    """Run chunks side by side, each product in one thread: small ones lose by more."""
    from threadpoolctl import (  # type: ignore[import-untyped]  # noqa: PLC0415 - where it serves
        threadpool_limits,
    )

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, parts))
