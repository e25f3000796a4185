"""Metrics of labels that are only known as probabilities, and what each label adds to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from homeostat.stats import Floats, score_codes

__all__ = ["BINARY_METRICS", "GREATER_IS_BETTER", "MULTICLASS_METRICS", "Codes", "Expected"]

Codes = NDArray[np.intp]
Expected = Callable[[Floats, Codes, Floats], tuple[float, Floats]]
"""Takes scores p (n, k), decided classes (n,) and label probabilities q (n, k); returns the metric
at the expected counts, and its derivative in q (n, k). NaN where it is not defined."""

_EPS = 1e-15
_NO_VALUE = float("nan")


def _accuracy(p: Floats, decided: Codes, q: Floats) -> tuple[float, Floats]:
    slope = np.zeros_like(p)
    slope[np.arange(len(p)), decided] = 1 / len(p)
    return float((slope * q).sum()), slope


def _log_loss(p: Floats, _: Codes, q: Floats) -> tuple[float, Floats]:
    slope = -np.log(np.clip(p, _EPS, 1)) / len(p)
    return float((slope * q).sum()), slope


def _brier(p: Floats, _: Codes, q: Floats) -> tuple[float, Floats]:
    # of two classes half of Brier's original sum, as everybody reports it
    scale = (0.5 if p.shape[1] == 2 else 1.0) / len(p)
    slope = scale * ((p**2).sum(axis=1, keepdims=True) - 2 * p + 1)
    return float((slope * q).sum()), slope


def _ranked(score: Floats, q: Floats) -> tuple[float, Floats]:
    """Return the ROC AUC of one class against the others, and its slope in q, both by ranks."""
    code = score_codes(score, len(score))
    ones, zeros = np.bincount(code, q), np.bincount(code, 1 - q)
    n_ones, n_zeros = float(ones.sum()), float(zeros.sum())
    if min(n_ones, n_zeros) < 1e-9:
        return _NO_VALUE, np.zeros(len(q))
    below, above = np.cumsum(zeros) - zeros / 2, n_ones - np.cumsum(ones) + ones / 2
    # a row is one row, never both ends of a pair: without this, few rows look less apart
    itself = float((q * (1 - q)).sum()) / 2
    pairs = n_ones * n_zeros - 2 * itself
    if pairs <= 0:
        return _NO_VALUE, np.zeros(len(q))
    area = (float(ones @ below) - itself) / pairs
    own = (below - above)[code] - (1 - 2 * q) / 2
    return area, (own - area * (n_zeros - n_ones - (1 - 2 * q))) / pairs


def _roc_auc(p: Floats, _: Codes, q: Floats) -> tuple[float, Floats]:
    value, slope = _ranked(p[:, 1], q[:, 1])
    return value, np.stack([np.zeros(len(q)), slope], axis=1)


def _average_precision(p: Floats, _: Codes, q: Floats) -> tuple[float, Floats]:
    code, one = score_codes(p[:, 1], len(p)), q[:, 1]
    place = code.max(initial=0) - code  # from the highest score down
    ones, taken = np.bincount(place, one), np.cumsum(np.bincount(place)).astype(np.float64)
    total = float(ones.sum())
    if total < 1e-9:
        return _NO_VALUE, np.zeros_like(q)
    caught = np.cumsum(ones)
    precision = caught / taken
    # a row that is taken as positive is itself among those caught, whatever its probability
    certain = np.bincount(place, one * (1 - one)) / taken
    value = float(ones @ precision + certain.sum()) / total
    later = np.cumsum((ones / taken)[::-1])[::-1]
    slope = (precision - value + later)[place] + (1 - 2 * one) / taken[place]
    return value, np.stack([np.zeros(len(q)), slope / total], axis=1)


def _ratio(top: float, under: float, d_top: Floats, d_under: Floats) -> tuple[float, Floats]:
    """Return a ratio and its slope; over nothing it is 0, as in scikit-learn."""
    if under <= 0:
        return 0.0, np.zeros_like(d_top)
    value = top / under
    return value, (d_top - value * d_under) / under


def _counted(wanted: str, hit: Floats, one: Floats) -> tuple[float, Floats]:
    """Return a metric of the expected confusion: `hit` is decided, `one` its probability."""
    tp, flat, ones = float(hit @ one), np.zeros_like(hit), np.ones_like(hit)
    if wanted == "precision":
        return _ratio(tp, float(hit.sum()), hit, flat)
    if wanted == "recall":
        return _ratio(tp, float(one.sum()), hit, ones)
    if wanted == "specificity":
        return _ratio(float((1 - hit) @ (1 - one)), float((1 - one).sum()), hit - 1, -ones)
    return _ratio(2 * tp, float(hit.sum() + one.sum()), 2 * hit, ones)


def _of_one(wanted: str) -> Expected:
    def metric(_: Floats, decided: Codes, q: Floats) -> tuple[float, Floats]:
        value, slope = _counted(wanted, (decided == 1).astype(np.float64), q[:, 1])
        return value, np.stack([np.zeros(len(q)), slope], axis=1)

    return metric


def _macro(each: Callable[[Floats, Codes, Floats, int], tuple[float, Floats]]) -> Expected:
    def metric(p: Floats, decided: Codes, q: Floats) -> tuple[float, Floats]:
        found = [each(p, decided, q, c) for c in range(q.shape[1])]
        value = float(np.mean([one for one, _ in found]))
        return value, np.stack([slope for _, slope in found], axis=1) / q.shape[1]

    return metric


def _of_each(wanted: str) -> Expected:
    return _macro(
        lambda _, decided, q, c: _counted(wanted, (decided == c).astype(np.float64), q[:, c])
    )


_EITHER: Mapping[str, Expected] = {"accuracy": _accuracy, "brier": _brier, "log_loss": _log_loss}

BINARY_METRICS: Mapping[str, Expected] = {
    **_EITHER,
    "average_precision": _average_precision,
    "roc_auc": _roc_auc,
    **{name: _of_one(name) for name in ("f1", "precision", "recall", "specificity")},
}
MULTICLASS_METRICS: Mapping[str, Expected] = {
    **_EITHER,
    "roc_auc": _macro(lambda p, _, q, c: _ranked(p[:, c], q[:, c])),
    **{name: _of_each(name) for name in ("f1", "precision", "recall", "specificity")},
}
GREATER_IS_BETTER: Mapping[str, bool] = {
    name: name not in {"brier", "log_loss"} for name in BINARY_METRICS
}
