"""Measures of a prediction among many classes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError, suggest
from homeostat.evaluate._slicing._measures import (
    Columns,
    Estimate,
    Measure,
    mean_estimate,
    rank_cells,
    ranked_estimate,
)
from homeostat.stats import Floats, check_classes

__all__ = ["CLASS_MEASURES", "class_losses"]

_EPS = 1e-15


def class_losses(label: ArrayLike, p: ArrayLike, loss: str = "logloss") -> Floats:
    """Return each row's loss among k classes, shape (n,); see :func:`row_losses`.

    The Brier score is the sum over the classes, from 0 to 2 (Brier 1950).
    """
    y, q = check_classes(label, p)
    rows = np.arange(len(y))

    def log_losses() -> Floats:
        found: Floats = -np.log(np.clip(q[rows, y], _EPS, 1 - _EPS))
        return found

    losses: dict[str, Callable[[], Floats]] = {
        "logloss": log_losses,
        "excess": lambda: log_losses() - special.entr(q).sum(axis=1),
        "brier": lambda: np.square(q).sum(axis=1) - 2 * q[rows, y] + 1,
        "error": lambda: (q.argmax(axis=1) != y).astype(np.float64),
    }
    if loss not in losses:
        raise InputError(f"There is no loss `{loss}` of many classes.{suggest(loss, losses)}")
    return losses[loss]()


def _macro_f1(actual: NDArray[np.intp], decided: NDArray[np.intp]) -> Estimate:
    """Average F1 over the classes that are actual or decided, with its slope in each row."""
    k = int(max(actual.max(), decided.max())) + 1
    hit = actual == decided
    hits = np.bincount(actual[hit], minlength=k)
    both = np.bincount(actual, minlength=k) + np.bincount(decided, minlength=k)
    held = np.maximum(both, 1)
    scores = 2 * hits / held
    n_classes = int(np.count_nonzero(both))
    slope = np.where(hit, 2 / held[actual], 0.0)
    slope -= (scores / held)[actual] + (scores / held)[decided]
    return float(scores.sum()) / n_classes, slope / n_classes


def _class_cells(label: NDArray[np.intp], p: Floats) -> Columns:
    """Return for each class its ranks with "is it this class", shape (n, k)."""
    cells = [rank_cells((label == k) * 1.0, p[:, k]) for k in range(p.shape[1])]
    return (np.stack(cells, axis=1),)


def _macro_auc(cells: NDArray[np.intp]) -> Estimate | None:
    """Average the AUC of each class against the others, over the classes that have one."""
    found = [ranked_estimate(column) for column in cells.T]
    held = [one for one in found if one is not None]
    if not held:
        return None
    value = float(np.mean([one for one, _ in held]))
    return value, np.mean([influence for _, influence in held], axis=0)


def _mean(name: str, sign: int, loss: str, within: tuple[float, float] = (0.0, 1.0)) -> Measure:
    def columns(label: NDArray[np.intp], p: Floats) -> Columns:
        losses = class_losses(label, p, loss)
        return (1 - losses if sign == 1 else losses,)

    return Measure(name, sign, columns, mean_estimate, within)


CLASS_MEASURES = {
    found.name: found
    for found in (
        Measure("auc", 1, _class_cells, _macro_auc),
        Measure("f1", 1, lambda y, p: (y, p.argmax(axis=1)), _macro_f1),
        _mean("logloss", -1, "logloss", (0.0, math.inf)),
        _mean("excess", -1, "excess", (-math.inf, math.inf)),
        _mean("brier", -1, "brier", (0.0, 2.0)),
        _mean("error", -1, "error"),
        _mean("accuracy", 1, "error"),
    )
}
