"""Metrics of one prediction, each with its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from homeostat.evaluate._measures import MEASURES, cell_estimate
from homeostat.stats import (
    Confusion,
    Floats,
    Interval,
    auc,
    auc_interval,
    average_precision_influence,
    check_binary,
    confusion,
    influence_interval,
    proportion_interval,
)

__all__ = ["Metric", "metrics"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: None where the rows do not define it, no interval where they are too few."""

    name: str
    value: float | None
    interval: Interval | None
    n: int

    def __str__(self) -> str:
        value = "undefined" if self.value is None else f"{self.value:.4g}"
        return f"{self.name} {value} {self.interval or ''}".rstrip()


def metrics(
    label: ArrayLike,
    p: ArrayLike,
    *,
    threshold: float = 0.5,
    blocks: ArrayLike | None = None,
    level: float = 0.95,
) -> list[Metric]:
    """Return the metrics of a binary prediction, of its order, its probabilities and decisions.

    Args:
        label: 0 or 1, shape (n,).
        p: Probability of label 1, shape (n,).
        threshold: A row is decided 1 from here on.
        blocks: Which block (a day) a row is in; None takes rows as independent.
        level: Confidence of the intervals.

    Returns:
        Symmetric metrics (``auc``, ``logloss``, ``normalized_entropy``, ``brier``, ``accuracy``,
        ``balanced_accuracy``, ``mcc``), and those that depend on which class is called 1 both
        ways: ``precision``, ``recall``, ``f1`` with class 1 as the positive one, and
        ``precision_0``, ``specificity`` (the recall of class 0), ``f1_0`` with class 0.

    Raises:
        InputError: If lengths differ, there is no row, a label is not 0 or 1, or a probability
            is NaN or outside [0, 1].

    Example:
        >>> found = metrics([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
        >>> [str(metric) for metric in found if metric.name in ("auc", "accuracy")]
        ['auc 0.75 [0.02186, 0.9975]', 'accuracy 0.5 [0.15, 0.85]']
    """
    y, q = check_binary(label, p)
    decision = (q >= threshold).astype(np.float64)
    found = [*_of_probabilities(y, q, blocks, level), *_of_decisions(y, decision, blocks, level)]
    return [Metric(name, value, interval, len(y)) for name, value, interval in found]


_Row = tuple[str, float | None, Interval | None]


def _of_probabilities(y: Floats, q: Floats, blocks: ArrayLike | None, level: float) -> list[_Row]:
    found: list[_Row] = [("auc", auc(y, q), auc_interval(y, q, blocks, level=level))]
    estimates = {
        name: MEASURES[name].estimate(*MEASURES[name].columns(y, q))
        for name in ("logloss", "normalized_entropy", "brier")
    }
    estimates["average_precision"] = average_precision_influence(y, q)
    for name, estimate in estimates.items():
        if estimate is None:
            found.append((name, None, None))
            continue
        within = MEASURES[name].within if name in MEASURES else (0.0, 1.0)
        interval = influence_interval(*estimate, blocks, level=level, within=within)
        found.append((name, estimate[0], interval))
    return found


_SHARES: dict[str, Callable[[Floats, Floats], tuple[Floats, Floats]]] = {
    "accuracy": lambda y, d: (y == d, np.ones(len(y))),
    "precision": lambda y, d: (y, d),
    "recall": lambda y, d: (d, y),
    "specificity": lambda y, d: (1 - d, 1 - y),
    "precision_0": lambda y, d: (1 - y, 1 - d),
}
_OF_COUNTS: dict[str, Callable[[Confusion], float]] = {
    "f1": lambda counts: counts.f1,
    "f1_0": lambda counts: counts.swapped().f1,
    "balanced_accuracy": lambda counts: counts.balanced_accuracy,
    "mcc": lambda counts: counts.mcc,
}


def _of_decisions(
    y: Floats, decision: Floats, blocks: ArrayLike | None, level: float
) -> list[_Row]:
    found: list[_Row] = []
    for name, share in _SHARES.items():
        hits, trials = share(y, decision)
        value = float(hits @ trials) / max(float(trials.sum()), 1.0)
        found.append((name, value, proportion_interval(hits, trials, blocks, level=level)))
    counts = confusion(y, decision)
    smooth = min(counts.tp, counts.fp, counts.fn, counts.tn) > 0
    for name, of_counts in _OF_COUNTS.items():
        value, influence = cell_estimate(of_counts, y, decision)
        within = (-1.0 if name == "mcc" else 0.0, 1.0)
        interval = influence_interval(value, influence, blocks, level=level, within=within)
        found.append((name, value, interval if smooth else None))
    return found
