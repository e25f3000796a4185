"""Whether outputs are right, where the label is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from homeostat.core import InputError
from homeostat.evaluate._behaviour._outputs import Outputs
from homeostat.stats import Floats

__all__ = ["losses"]


def losses(said: Outputs, label: ArrayLike, threshold: float) -> Floats:
    """Return a loss for each copy and row, (c, n): 1 where wrong, or a number's absolute error.

    Args:
        said: Outputs of c copies, of n rows.
        label: 0 or 1 for probabilities, a class's number for classes, its name for labels.
        threshold: Where a probability becomes a decision.

    Raises:
        InputError: If the label has another length, or is none of what it must be.
    """
    n = said.values.shape[1]
    right = np.asarray(label)
    if right.shape != (n,):
        raise InputError(f"`label` must have one value a row: {n} rows, got {right.shape}.")
    if said.kind == "label":
        names = np.array(said.names)[said.values.astype(np.intp)]
        if right.dtype == np.bool_ and set(said.names) <= {"0", "1"}:
            right = right.astype(np.intp)
        return np.asarray(names != right.astype(str), dtype=np.float64)
    try:
        known = right.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`label` must be numbers for these outputs, got {right.dtype}."
        ) from error
    if not np.isfinite(known).all():
        raise InputError("`label` must be finite, but some are missing.")
    decided = said.decisions(threshold)
    if decided is None:
        return np.asarray(np.abs(said.values - known), dtype=np.float64)
    classes = said.values.shape[2] if said.kind == "classes" else 2
    if np.any((known < 0) | (known >= classes) | (known % 1 != 0)):
        raise InputError(f"`label` must be a class from 0 to {classes - 1} for these outputs.")
    return np.asarray(decided != known, dtype=np.float64)
