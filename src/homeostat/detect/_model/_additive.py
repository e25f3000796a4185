"""An additive model of which sample a row is from: a curve a feature, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from homeostat.detect._model._matrix import Matrix, one_hot, scaled
from homeostat.detect._model._ridge import ridge
from homeostat.stats import Floats

__all__ = ["Additive"]

_BINNED = 60  # features up to which each gets a step function
_BINS = 8
_LEVELS = 40
_COLUMNS = 1024  # beyond, a feature has a slope only


class Additive:
    """Curves of one feature each that add up to a score, higher for the window.

    A number has a step function on bins cut at quantiles of both samples, where there are at
    most 60 features, else a slope and a bend (a slope only beyond 512 features); a category a
    height a level; missing values a height of their own. Curves are fitted together by ridge
    regression with both samples at the same weight, so of two features that moved together the
    one that explains the other's move is blamed, and likes share.
    """

    def __init__(self, matrix: Matrix, label: Floats) -> None:
        self._label = label
        parts = list(_columns(matrix))
        self._x = np.column_stack([part for _, part in parts])
        widths = [part.shape[1] for _, part in parts]
        self._starts = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.intp)

    def scores(self, learn: NDArray[np.intp], judge: NDArray[np.intp]) -> Floats:
        """Return each feature's part of the score, (rows judged, features)."""
        y = self._label[learn]
        share = np.where(y == 1, 0.5 / max(y.sum(), 1), 0.5 / max((1 - y).sum(), 1))
        x = self._x[learn]
        middle = share @ x
        root = np.sqrt(share * len(learn))
        weight = ridge((x - middle) * root[:, None], (y - 0.5) * root)
        return np.add.reduceat((self._x[judge] - middle) * weight, self._starts, axis=1)


def _columns(matrix: Matrix) -> Iterator[tuple[int, Floats]]:
    """Yield for each feature its columns, at least one."""
    width = len(matrix.names)
    numbers = [i for i in range(width) if i not in matrix.levels]
    z = np.zeros((len(matrix), width))
    z[:, numbers] = scaled(matrix.values[:, numbers])
    for i in range(width):
        if i in matrix.levels:
            yield i, one_hot(np.minimum(matrix.values[:, i], _LEVELS).astype(np.intp))
            continue
        gone = np.isnan(matrix.values[:, i])
        if width <= _BINNED:
            columns = one_hot(_bins(matrix.values[:, i], gone))
        elif 2 * width <= _COLUMNS:
            columns = np.column_stack([z[:, i], np.abs(z[:, i])])
        else:
            columns = z[:, [i]]
        yield i, np.column_stack([columns, gone]) if gone.any() else columns


def _bins(values: Floats, gone: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return bin numbers, 0 where missing."""
    known = values[~gone]
    if not len(known):
        return np.zeros(len(values), dtype=np.intp)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1], method="lower"))
    code = np.searchsorted(edges, values, side="left").astype(np.intp)
    return np.where(gone, 0, code)
