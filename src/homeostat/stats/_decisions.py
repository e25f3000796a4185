"""Decisions among any number of classes: what was decided against what was true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeostat.stats._binary import Floats

__all__ = ["Margins", "decision_scores", "decision_slopes"]

Name = tuple[str, int | None]  # a metric, and the class it is of; None is overall


@dataclass(frozen=True, slots=True, eq=False)
class Margins:
    """Weights by class: decided right, actual and decided, each of shape (..., k).

    All that the usual metrics of decisions need of a confusion matrix, so that a thousand
    resamples of ten classes are 30 numbers each and not a hundred.
    """

    hits: Floats
    actual: Floats
    decided: Floats

    @classmethod
    def of(cls, flat: Floats) -> Margins:
        """Split sums of shape (..., 3k)."""
        hits, actual, decided = np.split(flat, 3, axis=-1)
        return cls(hits, actual, decided)

    @property
    def n(self) -> Floats:
        """All weight, shape (...)."""
        return np.asarray(self.actual.sum(axis=-1))


def decision_scores(margins: Margins, betas: Sequence[float] = ()) -> dict[Name, Floats]:
    """Return every metric of decisions, each of shape (...); a rate over no row is 0, not NaN.

    ``accuracy``, ``balanced_accuracy`` (over the classes that occur), ``mcc`` (Gorodkin 2004)
    and ``kappa`` (Cohen 1960) are symmetric; ``precision``, ``recall``, ``specificity``, ``f1``
    and ``f{beta}`` are of one class each, with means ``_macro`` over the classes that occur or
    are decided, ``_weighted`` by the rows of each class, and ``_micro``, which is accuracy where
    each row has one class.

    Args:
        margins: Leading axes are resamples.
        betas: Further F-scores: recall counts ``beta`` times as much as precision.
    """
    m, n = margins, margins.n[..., None]
    found: dict[Name, Floats] = {}
    by_class = {
        "precision": _over(m.hits, m.decided),
        "recall": _over(m.hits, m.actual),
        "specificity": _over(n - m.actual - m.decided + m.hits, n - m.actual),
    }
    for beta in (1.0, *betas):
        b2 = beta**2
        by_class[f"f{beta:g}"] = _over((1 + b2) * m.hits, m.decided + b2 * m.actual)
    right = m.hits.sum(axis=-1)
    accuracy = _over(right, margins.n)
    occurs, seen = m.actual > 0, (m.actual > 0) | (m.decided > 0)
    found["accuracy", None] = accuracy
    found["balanced_accuracy", None] = _mean(by_class["recall"], occurs)
    found["mcc", None], found["kappa", None] = _mcc(m), _kappa(m, accuracy)
    for name, values in by_class.items():
        for c in range(values.shape[-1]):
            found[name, c] = values[..., c]
        if name == "specificity":
            continue
        found[f"{name}_micro", None] = accuracy
        found[f"{name}_macro", None] = _mean(values, seen)
        found[f"{name}_weighted", None] = _over((values * m.actual).sum(axis=-1), margins.n)
    return found


def decision_slopes(flat: Floats, betas: Sequence[float] = ()) -> dict[Name, Floats]:
    """Return how each metric moves with each of the 3k sums, each of shape (3k,).

    A row of class i decided j moves a metric by ``slope[k + i] + slope[2k + j]``, and by
    ``slope[i]`` if it is right.
    """
    step = 1e-4 * np.maximum(flat, 1.0)
    here = decision_scores(Margins.of(flat), betas)
    moved = decision_scores(Margins.of(flat + np.diag(step)), betas)
    return {name: (moved[name] - value) / step for name, value in here.items()}


def _mcc(m: Margins) -> Floats:
    n = m.n
    above = m.hits.sum(axis=-1) * n - (m.actual * m.decided).sum(axis=-1)
    sides = (n**2 - (m.actual**2).sum(axis=-1)) * (n**2 - (m.decided**2).sum(axis=-1))
    return _over(above, np.sqrt(np.maximum(sides, 0.0)))


def _kappa(m: Margins, accuracy: Floats) -> Floats:
    chance = _over((m.actual * m.decided).sum(axis=-1), m.n**2)
    return _over(accuracy - chance, 1 - chance)


def _mean(values: Floats, held: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    return _over((values * held).sum(axis=-1), held.sum(axis=-1))


def _over(part: Floats, whole: Floats) -> Floats:
    above, below = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    found: Floats = np.divide(above, below, out=np.zeros(above.shape), where=below > 1e-12)
    return found
