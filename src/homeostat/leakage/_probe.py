"""The probe: a model that can remember rows, fitted under two protocols to see what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from homeostat.leakage._inflation import Judged, judged
from homeostat.leakage._screen import ranks_of, told_alone

__all__ = [
    "Classifier",
    "Folds",
    "MakeClassifier",
    "by_unit",
    "forest",
    "forward",
    "judge",
    "matrix",
    "shuffled",
]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Folds = Sequence[tuple[Rows, Rows]]
_FOLDS = 4
_TREES = 40
_ENDLESS = 1e30  # trees work in single precision, which holds no more than 3e38


class Classifier(Protocol):
    """A model in scikit-learn's manner."""

    def fit(self, x: Floats, y: Floats, /) -> object:
        """Learn from rows, shapes (n, d) and (n,)."""
        ...

    def predict_proba(self, x: Floats, /) -> Floats:
        """Return probabilities, shape (n, 2)."""
        ...


MakeClassifier = Callable[[int], Classifier]


def forest(seed: int) -> Classifier:
    """Return extremely randomised trees, fully grown: they remember and they generalise.

    Source: Geurts, Ernst and Wehenkel 2006. Nulls are values of their own.
    """
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415 - heavy, loads when used

    model: Classifier = ExtraTreesClassifier(
        _TREES, min_samples_leaf=1, n_jobs=1, random_state=seed
    )
    return model


def matrix(frame: pl.DataFrame, names: Sequence[str]) -> Floats:
    """Return columns as numbers, shape (n, d): texts by their rank, nulls as NaN.

    A rank of the text itself learns nothing of the label, so it is the same for every fold.
    """
    out = np.empty((frame.height, len(names)))
    for i, name in enumerate(names):
        column = frame[name]
        if not (column.dtype.is_numeric() or column.dtype.is_temporal()):
            column = column.cast(pl.Boolean if column.dtype == pl.Boolean else pl.String)
            column = column.rank("dense")
        out[:, i] = column.to_physical().cast(pl.Float64).to_numpy()
    return np.clip(out, -_ENDLESS, _ENDLESS)


def shuffled(label: Floats, rng: np.random.Generator, folds: int = _FOLDS) -> Folds:
    """Cut rows into folds at random, each class evenly."""
    order = rng.permutation(label.size)
    order = order[np.argsort(label[order], kind="stable")]
    place = np.empty(label.size, np.intp)
    place[order] = np.arange(label.size) % folds
    return _folds(place, folds)


def by_unit(unit: Rows, rng: np.random.Generator, folds: int = _FOLDS) -> Folds:
    """Cut rows into folds so that all rows of a unit (a group, a set of copies) are in one."""
    count = int(unit.max(initial=0)) + 1
    place = rng.permutation(count) % min(folds, count)
    return _folds(place[unit], folds)


def forward(order: Rows, gap: int, folds: int = _FOLDS) -> Folds:
    """Cut rows in time: learn from what lies before, leave a gap, judge on the next stretch."""
    cuts = np.linspace(0, order.size, folds + 2).astype(int)
    return [(order[: max(start - gap, 1)], order[start:end]) for start, end in pairwise(cuts[1:])]


def judge(
    x: Floats,
    y: Floats,
    folds: Folds,
    *,
    make: MakeClassifier = forest,
    seed: int = 0,
    among: NDArray[np.bool_] | None = None,
    blocks: Rows | None = None,
    most: int | None = None,
) -> Judged | None:
    """Fit and score each fold.

    Args:
        x: Shape (n, d).
        y: 0 or 1, shape (n,).
        folds: Rows to learn from and rows to score.
        make: Makes the model from a seed.
        seed: Of the first fold's model.
        among: Which rows count when scored, shape (n,); None counts all.
        blocks: Rows that are not independent share a number, shape (n,).
        most: Columns that a model is given; of more, those that tell most on the rows of the
            fold that it learns from, so that one among a hundred is not drowned.
    """
    scored = []
    for i, (train, test) in enumerate(folds):
        held = test if among is None else test[among[test]]
        if not held.size or np.unique(y[train]).size < 2:
            continue
        model, columns = make(seed + i), _most_telling(x[train], y[train], most)
        model.fit(x[np.ix_(train, columns)], y[train])
        score = np.asarray(model.predict_proba(x[np.ix_(held, columns)]))[:, 1]
        scored.append((held, y[held], score))
    return judged(scored, y.size, blocks)


def _most_telling(x: Floats, y: Floats, most: int | None) -> Rows:
    """Return the columns of x, shape (n, d), that are given to a model."""
    if most is None or x.shape[1] <= most:
        return np.arange(x.shape[1])
    telling = told_alone(ranks_of(pl.DataFrame(x)), y)
    return np.sort(np.argsort(-telling, kind="stable")[:most])


def _folds(place: Rows, folds: int) -> Folds:
    return [(np.flatnonzero(place != fold), np.flatnonzero(place == fold)) for fold in range(folds)]
