"""Nearest neighbours of rows of numbers, of categories, and of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from homeostat.sample._columns import Measured
from homeostat.sample._space import Rows
from homeostat.stats import Floats

__all__ = ["category_difference", "neighbours", "value_differences"]

_CHUNK = 4_000_000  # distances held at once


def category_difference(table: Measured, rows: Rows) -> float:
    """Return what two different categories add to a squared distance, as in SMOTE-NC.

    It is the square of the median of the numbers' standard deviations over the rows of the
    class (Chawla et al. 2002, section 6.1).
    """
    spread = table.scaled(rows).std(axis=0)
    return float(np.median(spread) ** 2) if len(spread) else 1.0


def value_differences(
    codes: NDArray[np.int32], classes: NDArray[np.intp], n_classes: int
) -> Floats:
    """Return categories as the class shares of their rows, shape (n, c * classes).

    The squared distance of two rows is then the value difference metric with q = 2, summed over
    columns (Stanfill and Waltz 1986; used by SMOTE-N).
    """
    shares = []
    for column in codes.T:
        cells = np.bincount(
            column * n_classes + classes, minlength=(int(column.max()) + 1) * n_classes
        ).reshape(-1, n_classes)
        shares.append((cells / np.maximum(cells.sum(axis=1, keepdims=True), 1))[column])
    return np.concatenate(shares, axis=1)


def neighbours(
    x: Floats, codes: NDArray[np.int32], differ: float, k: int, rows: Rows | None = None
) -> Rows:
    """Return the ``k`` rows nearest to each, itself left out, nearest first, shape (q, k).

    Args:
        x: Numbers, shape (n, d).
        codes: Categories, shape (n, c); without any a tree or blocks of products serve.
        differ: What a pair of different categories adds to the squared distance.
        k: How many, less than n.
        rows: Which rows' neighbours are wanted; None takes all.
    """
    asked = np.arange(len(x)) if rows is None else rows
    if not codes.shape[1]:
        from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - loaded where it serves

        search = NearestNeighbors(n_neighbors=k + 1).fit(x)
        return _without_self(search.kneighbors(x[asked], return_distance=False), asked)
    step = max(1, _CHUNK // len(x))
    parts = [
        _mixed(x, codes, differ, k, asked[start : start + step])
        for start in range(0, len(asked), step)
    ]
    return np.concatenate(parts) if parts else np.empty((0, k), np.intp)


def _without_self(found: Rows, asked: Rows) -> Rows:
    """Drop each row from its own list, or the last where copies have crowded it out."""
    itself = found == asked[:, None]
    itself[~itself.any(axis=1), -1] = True
    kept: Rows = found[~itself].reshape(len(asked), -1)
    return kept


def _mixed(x: Floats, codes: NDArray[np.int32], differ: float, k: int, asked: Rows) -> Rows:
    norms = np.einsum("ij,ij->i", x, x)
    apart = norms[asked][:, None] + norms[None, :] - 2 * (x[asked] @ x.T)
    for column in codes.T:
        apart += differ * (column[asked][:, None] != column[None, :])
    apart[np.arange(len(asked)), asked] = np.inf
    near = np.argpartition(apart, k - 1, axis=1)[:, :k] if k < len(x) - 1 else _all_others(apart)
    order = np.argsort(np.take_along_axis(apart, near, axis=1), axis=1, kind="stable")
    sorted_: Rows = np.take_along_axis(near, order, axis=1)
    return sorted_


def _all_others(apart: Floats) -> Rows:
    return np.argsort(apart, axis=1, kind="stable")[:, :-1]
