"""Measures: a metric's value on some rows, and what each of those rows adds to its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from homeostat.core import InputError, suggest
from homeostat.stats import (
    Confusion,
    Floats,
    average_precision_influence,
    block_codes,
    check_binary,
    log_losses,
)

__all__ = [
    "MEASURES",
    "Columns",
    "Estimate",
    "Measure",
    "cell_estimate",
    "mean_estimate",
    "rank_cells",
    "ranked_estimate",
    "row_losses",
]

Estimate = tuple[float, Floats]  # the value, and each row's influence on it, shape (n,)
Columns = tuple[NDArray[Any], ...]
_FEWEST_OF_A_CLASS = 5  # an AUC of fewer has no error to speak of
_RANKS = 2**14  # as many scores are told apart: no AUC moves by more than 1 in 30,000


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric of a prediction, in two steps so that slices share the first.

    Make your own with :func:`row_measure` or :func:`own_measure`.

    Args:
        name: What people call it.
        sign: 1 where larger is better, -1 where smaller is.
        columns: From label and prediction to what the metric is made of, each (n, ...).
        estimate: From those columns, of some rows, to an estimate; None where it is undefined.
        within: The range of its values.
        groups: Into how many groups of rows the error is taken by leaving each out; None for a
            metric that knows what each row adds to its error.
    """

    name: str
    sign: int
    columns: Callable[[Any, Any], Columns]
    estimate: Callable[..., Estimate | None]
    within: tuple[float, float] = (0.0, 1.0)
    groups: int | None = None


def row_losses(label: ArrayLike, p: ArrayLike, loss: str = "logloss") -> Floats:
    """Return each row's loss, shape (n,).

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, shape (n,).
        loss: ``"logloss"`` (nats), ``"brier"``, ``"error"`` (at a half), or ``"excess"``: the log
            loss less the entropy of ``p``, which is what the model itself expected to lose. Its
            mean is 0 wherever the probabilities are right, however hard the rows are.
    """
    y, q = check_binary(label, p)
    losses: dict[str, Callable[[], Floats]] = {
        "logloss": lambda: log_losses(y, q),
        "excess": lambda: log_losses(y, q) - special.entr(q) - special.entr(1 - q),
        "brier": lambda: np.square(y - q),
        "error": lambda: np.where((q >= 0.5) == y, 0.0, 1.0),
    }
    if loss not in losses:
        raise InputError(f"There is no loss `{loss}`.{suggest(loss, losses)}")
    return losses[loss]()


def mean_estimate(values: Floats) -> Estimate:
    mean = float(values.mean())
    return mean, (values - mean) / len(values)


def _normalized_entropy(losses: Floats, y: Floats) -> Estimate | None:
    rate = float(y.mean())
    if rate in {0.0, 1.0}:
        return None
    entropy = -rate * math.log(rate) - (1 - rate) * math.log(1 - rate)
    loss, influence = mean_estimate(losses)
    turn = loss * math.log((1 - rate) / rate) / entropy**2
    return loss / entropy, influence / entropy - turn * (y - rate) / len(y)


def rank_cells(y: Floats, p: Floats) -> NDArray[np.intp]:
    """Return each row's rank by score and its class in one code, shape (n,)."""
    codes, distinct = block_codes(p, len(p))
    rank = codes * _RANKS // distinct if distinct > _RANKS else codes
    cells: NDArray[np.intp] = 2 * rank + (y == 1)
    return cells


def ranked_estimate(cells: NDArray[np.intp]) -> Estimate | None:
    """Do what `stats.auc_influence` does, by rank and class, in two passes over the rows."""
    zeros, ones = (
        np.bincount(cells, minlength=(int(cells.max()) | 1) + 1).reshape(-1, 2).T.astype(np.float64)
    )
    n_zeros, n_ones = zeros.sum(), ones.sum()
    if min(n_zeros, n_ones) < _FEWEST_OF_A_CLASS:
        return None
    below = (np.cumsum(zeros) - zeros / 2) / n_zeros
    above = 1 - (np.cumsum(ones) - ones / 2) / n_ones
    area = float(np.sum(ones * below) / n_ones)
    influence = np.stack([(above - area) / n_zeros, (below - area) / n_ones], axis=1).ravel()
    return area, influence[cells]


def cell_estimate(value: Callable[[Confusion], float], y: Floats, decision: Floats) -> Estimate:
    """Estimate any smooth function of a confusion, by its slope in each of the four counts."""
    cell = (2 * y + decision).astype(np.intp)
    tn, fp, fn, tp = np.bincount(cell, minlength=4).astype(np.float64).tolist()
    here, step = value(Confusion(tp, fp, fn, tn)), 1e-4
    moved = (
        Confusion(tp, fp, fn, tn + step),
        Confusion(tp, fp + step, fn, tn),
        Confusion(tp, fp, fn + step, tn),
        Confusion(tp + step, fp, fn, tn),
    )
    slopes = np.array([(value(counts) - here) / step for counts in moved])
    return here, slopes[cell]


def _decided(
    name: str, rate: Callable[[Confusion], float], rows: Callable[[Confusion], float]
) -> Measure:
    """Return a measure of the decision at a half; undefined where it is a rate over no row."""

    def estimate(y: Floats, decision: Floats) -> Estimate | None:
        cell = (2 * y + decision).astype(np.intp)
        tn, fp, fn, tp = np.bincount(cell, minlength=4).tolist()
        return cell_estimate(rate, y, decision) if rows(Confusion(tp, fp, fn, tn)) else None

    low = -1.0 if name == "mcc" else 0.0
    return Measure(name, 1, lambda y, p: (y, (p >= 0.5) * 1.0), estimate, (low, 1.0))


def _both_classes(c: Confusion) -> float:
    return (c.tp + c.fn) * (c.tn + c.fp)


MEASURES = {
    found.name: found
    for found in (
        Measure("auc", 1, lambda y, p: (rank_cells(y, p),), ranked_estimate),
        Measure("average_precision", 1, lambda y, p: (y, p), average_precision_influence),
        Measure("logloss", -1, lambda y, p: (row_losses(y, p),), mean_estimate, (0.0, math.inf)),
        Measure(
            "normalized_entropy",
            -1,
            lambda y, p: (row_losses(y, p), y),
            _normalized_entropy,
            (0.0, math.inf),
        ),
        Measure(
            "excess",
            -1,
            lambda y, p: (row_losses(y, p, "excess"),),
            mean_estimate,
            (-math.inf, math.inf),
        ),
        Measure("brier", -1, lambda y, p: (row_losses(y, p, "brier"),), mean_estimate),
        Measure("error", -1, lambda y, p: (row_losses(y, p, "error"),), mean_estimate),
        Measure("accuracy", 1, lambda y, p: (1 - row_losses(y, p, "error"),), mean_estimate),
        _decided("precision", lambda c: c.precision, lambda c: c.tp + c.fp),
        _decided("recall", lambda c: c.recall, lambda c: c.tp + c.fn),
        _decided("specificity", lambda c: c.specificity, lambda c: c.tn + c.fp),
        _decided("f1", lambda c: c.f1, lambda c: c.tp + c.fp + c.fn),
        _decided("balanced_accuracy", lambda c: c.balanced_accuracy, _both_classes),
        _decided("mcc", lambda c: c.mcc, _both_classes),
    )
}
