"""Class weights: how much more a row of a rare class counts."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError, suggest
from homeostat.stats import Floats, floats

__all__ = ["class_weights", "effective_number", "row_weights"]

Scheme = Literal["inverse", "balanced", "effective"]
_SCHEMES = ("inverse", "balanced", "effective")


def class_weights(
    label: ArrayLike, scheme: Scheme = "balanced", *, beta: float = 0.999
) -> dict[Any, float]:
    """Return a weight for each class that occurs, by its value.

    Args:
        label: Classes, shape (n,).
        scheme: ``"inverse"`` is ``N / n_c``; ``"balanced"`` that over the number of classes, so
            that weights average 1 over rows; ``"effective"`` is the inverse of the effective
            number of rows, ``(1 - beta) / (1 - beta ** n_c)``, scaled to add up to the number of
            classes (Cui et al. 2019).
        beta: For ``"effective"``: 0 weighs all alike, towards 1 it is ``"inverse"``.

    Probabilities of a model that was fitted with weights need a `PriorCorrection`.

    Example:
        >>> label = ["fraud"] * 100 + ["normal"] * 900
        >>> class_weights(label, "inverse")
        {'fraud': 10.0, 'normal': 1.1111111111111112}
        >>> class_weights(label, "balanced")
        {'fraud': 5.0, 'normal': 0.5555555555555556}
    """
    values = np.asarray(label)
    if values.ndim != 1 or not len(values):
        raise InputError(f"Class weights need at least one label, got shape {values.shape}.")
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise InputError("Class weights need a label in each row, some are NaN.")
    classes, counts = np.unique(values, return_counts=True)
    if scheme == "effective":
        inverse = 1 / effective_number(counts, beta=beta)
        weights = inverse / inverse.sum() * len(classes)
    elif scheme in {"inverse", "balanced"}:
        weights = len(values) / counts / (len(classes) if scheme == "balanced" else 1)
    else:
        raise InputError(f"There is no scheme {scheme!r}.{suggest(scheme, _SCHEMES)}")
    return dict(zip(classes.tolist(), weights.tolist(), strict=True))


def effective_number(counts: ArrayLike, *, beta: float) -> Floats:
    """Return the effective number of rows of each class, ``(1 - beta ** n) / (1 - beta)``.

    Source: Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples".

    Example:
        >>> effective_number([100, 900], beta=0.999).round(4).tolist()
        [95.2079, 593.6134]
    """
    n = floats(counts, "counts")
    if not 0 <= beta <= 1 or (n <= 0).any():
        raise InputError(f"`beta` lies in [0, 1] and counts are positive, got beta={beta}.")
    if beta == 1:
        return n
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(n * np.log(beta)) / (1 - beta), np.float64)


def row_weights(label: ArrayLike, weights: dict[Any, float]) -> Floats:
    """Return each row's weight, shape (n,), for `sample_weight`.

    Raises:
        InputError: If a class has no weight.

    Example:
        >>> row_weights([1, 0, 0], {0: 0.5, 1: 5.0}).tolist()
        [5.0, 0.5, 0.5]
    """
    classes, codes = np.unique(np.asarray(label), return_inverse=True)
    if missing := [name for name in classes.tolist() if name not in weights]:
        raise InputError(f"Class {missing[0]!r} has no weight; there are {sorted(weights)}.")
    return np.array([weights[name] for name in classes.tolist()], np.float64)[codes]
