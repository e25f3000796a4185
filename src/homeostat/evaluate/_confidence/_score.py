"""A prediction's confidence: one number a row, higher where the model is surer."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from homeostat.core import InputError
from homeostat.stats import Floats, check_binary, check_classes, class_probabilities, floats

__all__ = ["ConfidenceScore", "confidence", "least_confidence", "losses_of"]

ConfidenceScore = Literal["max", "margin", "entropy"]


def confidence(p: ArrayLike, *, score: ConfidenceScore = "max") -> Floats:
    """Return each prediction's confidence, shape (n,).

    Args:
        p: Probability of label 1, shape (n,), or of each class, shape (n, k).
        score: ``"max"`` is the probability of the class that is decided for, from 1 / k to 1;
            ``"margin"`` is that less the next one's, from 0 to 1; ``"entropy"`` is 1 less the
            share of the greatest entropy, from 0 to 1, and looks at all classes. For a p-value
            see :meth:`ConformalSets.p_values`: it needs labelled rows, and then means something.

    Example:
        >>> for score in ("max", "margin", "entropy"):
        ...     print(confidence([[0.6, 0.3, 0.1]], score=score).round(3).tolist())
        [0.6]
        [0.3]
        [0.183]
    """
    if np.ndim(p) != 2:
        q = check_binary(np.zeros(np.shape(p)), p)[1]
        top = np.maximum(q, 1 - q)
        if score == "max":
            return top
        if score == "margin":
            return 2 * top - 1
        whole = np.stack([q, 1 - q], axis=1)
    else:
        whole = class_probabilities(p)
    if score == "max":
        return np.asarray(whole.max(axis=1))
    if score == "margin":
        two = np.partition(whole, whole.shape[1] - 2, axis=1)[:, -2:]
        return np.asarray(two[:, 1] - two[:, 0])
    if score == "entropy":
        share = np.asarray(special.entr(whole).sum(axis=1)) / np.log(whole.shape[1])
        return np.asarray(np.clip(1 - share, 0.0, 1.0))
    raise InputError(f"`score` is 'max', 'margin' or 'entropy', got {score!r}.")


def least_confidence(p: ArrayLike, score: ConfidenceScore) -> float:
    """Return the least that a score can be for as many classes."""
    if score != "max":
        return 0.0
    return 1 / np.shape(p)[1] if np.ndim(p) == 2 else 0.5


def losses_of(label: ArrayLike, p: ArrayLike, loss: ArrayLike | None) -> Floats:
    """Return each decision's loss in [0, 1]: 1 where it is wrong, or what is given.

    Args:
        label: 0 or 1, or class numbers, shape (n,).
        p: Probability of label 1, at a half decided for, or of each class.
        loss: What each decision costs, from 0 to 1, shape (n,).
    """
    if np.ndim(p) == 2:
        y, whole = check_classes(label, p)
        wrong = whole.argmax(axis=1) != y
    else:
        ones, q = check_binary(label, p)
        wrong = (q >= 0.5) != ones
    if loss is None:
        return np.asarray(wrong, dtype=np.float64)
    given = floats(loss, "loss", n=len(wrong))
    if given.min() < 0 or given.max() > 1:
        raise InputError("`loss` must lie in [0, 1]: divide it by the most that it can be.")
    return given
