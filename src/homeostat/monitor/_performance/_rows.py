"""What labels and probabilities of a window must be; checked once, at the door."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.core import InputError
from homeostat.stats import Floats, class_probabilities

__all__ = ["as_classes", "two_columns"]


def two_columns(p: ArrayLike, k: int | None = None, *, empty: bool = True) -> Floats:
    """Return probabilities with a column a class, shape (n, k).

    Args:
        p: Shape (n, k), or the probability of the second of two classes, shape (n,).
        k: How many classes there must be; None takes any number.
        empty: Whether there may be no row.

    Raises:
        InputError: If a value is missing or outside [0, 1], a row does not add up to 1, or the
            number of classes is another.
    """
    try:
        array = np.asarray(p, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"Probabilities must be numbers: {error}.") from error
    if array.ndim == 1:
        array = np.stack([1 - array, array], axis=1)
    if empty and array.ndim == 2 and not len(array):
        return array
    array = class_probabilities(array)
    if k is not None and array.shape[1] != k:
        raise InputError(
            f"There must be probabilities of the reference's {k} classes, got {array.shape[1]}."
        )
    return array


def as_classes(label: ArrayLike, classes: Sequence[object], n: int) -> NDArray[np.intp]:
    """Return the number of each row's class, shape (n,).

    Raises:
        InputError: If a row has no class, or one that is not among the classes.
    """
    given = np.asarray(label)
    if given.shape != (n,):
        raise InputError(f"There must be one label a row, got {given.shape} for {n} rows.")
    if given.dtype.kind == "f" and np.isnan(given).any():
        raise InputError(
            f"Labels must be known: {int(np.isnan(given).sum())} of {n} are missing; drop those "
            "rows first."
        )
    places = {name: place for place, name in enumerate(classes)}
    found, inverse = np.unique(
        given.astype(str) if given.dtype == object else given, return_inverse=True
    )
    if given.dtype == object:
        places = {str(name): place for name, place in places.items()}
    strange = [name for name in found.tolist() if name not in places]
    if strange:
        raise InputError(
            f"Labels must be among the classes {list(classes)[:10]}, got {strange[:5]}: name all "
            "classes in the order of the columns of `p`."
        )
    codes = np.array([places[name] for name in found.tolist()], np.intp)
    return codes[inverse] if len(codes) else np.empty(0, np.intp)
