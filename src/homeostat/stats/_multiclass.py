"""What a label of several classes and its predictions must be; checked once, at the door."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.stats._binary import Floats

__all__ = ["Labels", "check_classes", "class_probabilities"]

Labels = NDArray[np.intp]

_OFF = 1e-4  # float32 probabilities of a thousand classes still sum this close to 1


def class_probabilities(values: ArrayLike, name: str = "p", *, n: int | None = None) -> Floats:
    """Return probabilities of k classes as float64 of shape (n, k), each row summing to 1.

    Args:
        values: Shape (n, k), k at least 2.
        name: What an error calls them.
        n: How many rows there must be; None takes any number.

    Raises:
        InputError: If a value is NaN or outside [0, 1], or a row does not sum to 1.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"`{name}` must be numbers: {error}.") from error
    if array.ndim != 2 or array.shape[1] < 2:
        raise InputError(
            f"`{name}` must have one column a class, two or more, got shape {array.shape}."
        )
    if n is not None and len(array) != n:
        raise InputError(f"`{name}` must have one row each: {n} rows, got {len(array)}.")
    if not len(array):
        raise InputError("At least one row is needed, got none.")
    if not (array.min() >= 0 and array.max() <= 1):  # NaN is caught too
        rows = int(np.count_nonzero(~((array >= 0) & (array <= 1)).all(axis=1)))
        raise InputError(
            f"`{name}` must lie in [0, 1]: {rows} of {len(array)} rows hold other values, "
            "missing or NaN among them; pass probabilities, not scores, and drop rows without."
        )
    off = np.abs(array @ np.ones(array.shape[1]) - 1)
    if off.max() > _OFF:
        row = int(off.argmax())
        raise InputError(
            f"Each row of `{name}` must sum to 1: {int(np.count_nonzero(off > _OFF))} of "
            f"{len(array)} do not, row {row} sums to {array[row].sum():.6g}."
        )
    return array


def check_classes(label: ArrayLike, p: ArrayLike) -> tuple[Labels, Floats]:
    """Return labels as class numbers (n,), and probabilities (n, k), both checked.

    Args:
        label: The number of the class, from 0 to k - 1: the place of its column in ``p``.
        p: Probability of each class, shape (n, k).

    Raises:
        InputError: If shapes differ, a label is no class number, or ``p`` is no set of
            probabilities.

    Example:
        >>> y, q = check_classes([0, 2], [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
        >>> y.tolist(), q.shape
        ([0, 2], (2, 3))
    """
    given = np.asarray(label)
    if given.ndim != 1:
        raise InputError(f"`label` must have one dimension, got shape {given.shape}.")
    q = class_probabilities(p, n=len(given))
    if given.dtype.kind not in "biuf":
        raise InputError(
            f"`label` must hold class numbers from 0 to {q.shape[1] - 1}, got {given[0]!r}: pass "
            "the place of its column in `p`."
        )
    numbers = given.astype(np.float64)
    wrong = ~((numbers >= 0) & (numbers < q.shape[1]) & (numbers == np.floor(numbers)))
    if wrong.any():
        raise InputError(
            f"`label` must hold class numbers from 0 to {q.shape[1] - 1}, got "
            f"{numbers[wrong][0]:g} ({int(wrong.sum())} such rows)."
        )
    return given.astype(np.intp), q
