"""Metrics by which a loss of information is measured, each with what a row adds to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError, suggest
from homeostat.stats import Floats, auc_influence, average_precision_influence

__all__ = ["Metric", "Score", "metric_of", "target"]

Score = Callable[[Floats, Floats], float]
Rows = Callable[[Floats, Floats], Floats]

_LEAST = 1e-15


def _log_loss(y: Floats, p: Floats) -> Floats:
    of_two = p.ndim == 1
    chosen = np.where(y == 1, p, 1 - p) if of_two else p[np.arange(len(y)), y.astype(np.intp)]
    return np.asarray(-np.log(np.clip(chosen, _LEAST, 1 - _LEAST)))


def _wrong(y: Floats, p: Floats) -> Floats:
    guess = p.argmax(axis=1) if p.ndim == 2 else p >= 0.5
    return np.asarray(guess != y, dtype=np.float64)


_LOSSES: dict[str, Rows] = {
    "logloss": _log_loss,
    "brier": lambda y, p: np.square(y - p),
    "error_rate": _wrong,
    "mse": lambda y, p: np.square(y - p),
    "mae": lambda y, p: np.abs(y - p),
}
_INFLUENCES = {"auc": auc_influence, "average_precision": average_precision_influence}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, as how bad a prediction is: a score counts negatively.

    Args:
        name: Of the metric.
        rows: From label and prediction to the badness of each row, whose mean is the metric; or,
            where ``linear`` is not set, to the metric and each row's influence on it.
        score: Where neither is known: one number for all rows.
    """

    name: str
    losses: Rows | None = None
    influence: Callable[[Floats, Floats], tuple[float, Floats] | None] | None = None
    score: Score | None = None
    sign: float = 1.0

    def badness(self, label: Floats, prediction: Floats) -> tuple[float, Floats | None]:
        """Return how bad a prediction is, and each row's influence (n,) on it, where known.

        Raises:
            InputError: If the rows do not define the metric: one class only, or NaN.
        """
        if self.losses is not None:
            lost = self.losses(label, prediction)
            value, influence = float(lost.mean()), (lost - lost.mean()) / len(lost)
        elif self.influence is not None:
            found = self.influence(label, prediction)
            if found is None:
                raise InputError(
                    f"`{self.name}` needs rows of both classes, all labels are {label[0]:g}: take "
                    "more rows, or another metric."
                )
            value, influence = -found[0], -found[1]
        else:
            value, influence = self.sign * float(self.score(label, prediction)), None  # type: ignore[misc]
        if not np.isfinite(value):
            raise InputError(f"`{self.name}` is {value}: labels and predictions must be finite.")
        return value, influence


def metric_of(metric: str | Score, *, greater_is_better: bool) -> Metric:
    """Return a metric by name or of a function of label and prediction."""
    if callable(metric):
        name = getattr(metric, "__name__", "metric")
        return Metric(name, score=metric, sign=-1.0 if greater_is_better else 1.0)
    if metric in _LOSSES:
        return Metric(metric, losses=_LOSSES[metric])
    if metric in _INFLUENCES:
        return Metric(metric, influence=_INFLUENCES[metric])
    known = [*_LOSSES, *_INFLUENCES]
    raise InputError(f"There is no metric `{metric}`.{suggest(metric, known)} Or pass a function.")


def target(label: ArrayLike, rows: int) -> Floats:
    """Return labels as float64, one a row.

    Raises:
        InputError: If there are no rows, another number of labels, or labels that are not finite.
    """
    try:
        y = np.asarray(label, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"Labels must be numbers (classes 0, 1, ...): {error}.") from error
    if not rows or y.shape != (rows,):
        raise InputError(
            f"There must be rows, and one label each: got {rows} rows and labels of shape "
            f"{y.shape}."
        )
    if not np.isfinite(y).all():
        raise InputError("Labels must be finite: leave out rows whose outcome is not known yet.")
    return y
